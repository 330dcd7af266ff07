import { eastAsianWidth } from "get-east-asian-width";

let segmenter: Intl.Segmenter | undefined;
// `\p{RGI_Emoji}` would load a table at every start, which takes 20 ms.
const emoji = /^(?:\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const ascii = /^[\x20-\x7e]*$/;

/** Terminal columns that a text without control characters takes; East Asian wide characters and emoji take two. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += columnsOf(segment);
  return width;
}

/** Terminal columns of one grapheme. */
function columnsOf(character: string): number {
  return eastAsianWidth(character.codePointAt(0) ?? 0) === 2 || emoji.test(character) ? 2 : 1;
}

function segmentsOf(text: string): Intl.Segments {
  // Created on first use, because it takes 20 ms and most texts never need it.
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/** A text cut to a width, its last column an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  if (text.length <= width && ascii.test(text)) return text;
  // No character is narrower than a column, so the rest of a very long text need not be measured.
  if (widthOf(text.slice(0, 4 * width)) <= width && text.length <= 4 * width) return text;
  let used = 0;
  let kept = "";
  for (const { segment } of segmentsOf(text)) {
    const columns = columnsOf(segment);
    if (used + columns > width - 1) break;
    used += columns;
    kept += segment;
  }
  return `${kept}…`;
}

/** A text filled up with spaces to a width. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** A text that cannot steer a terminal: control characters become visible escapes, line breaks included. */
export function sanitize(text: string): string {
  return text.replaceAll(control, (character) =>
    character === "\n" ? "⏎" : character === "\t" ? " " : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
