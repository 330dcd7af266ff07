let segmenter: Intl.Segmenter | undefined;
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const ascii = /^[\x20-\x7e]*$/;

/** Terminal columns that a text without control characters takes; East Asian wide characters and emoji take two. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

function segmentsOf(text: string): Intl.Segments {
  // Made when the first text needs it, which most never do.
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
    const columns = wide.test(segment) ? 2 : 1;
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
