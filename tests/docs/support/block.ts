/** What the comment on the line before a block says about it. */
export type Mark =
  | { readonly kind: "none" }
  /** `<!-- output -->`: the block is what the block before it prints. */
  | { readonly kind: "output" }
  /** `<!-- not run: reason -->` */
  | { readonly kind: "not run"; readonly reason: string }
  /** `<!-- before: commands -->`: they run first, unseen by the reader, for example to wait for a state. */
  | { readonly kind: "before"; readonly commands: string };

/** A fenced block of a Markdown page. */
export interface Block {
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** The word behind the fence; empty where there is none. */
  readonly language: string;
  /** What is between the fences, without their indentation. */
  readonly text: string;
  readonly mark: Mark;
}

/** A page with each line's number, its blocks apart from its prose. */
export interface Page {
  readonly blocks: readonly Block[];
  /** Lines outside of blocks, in place; the lines of blocks are empty. */
  readonly prose: readonly string[];
}

const opening = /^(\s*)(`{3,}|~{3,})\s*([\w+-]*)/;
const comment = /^\s*<!--\s*(output|not run|before)\b\s*(?::\s*(.*?))?\s*-->\s*$/;

/** True for a comment that wants to be a mark, however it is written. A mark that the prose speaks of is code. */
function isAttempt(line: string): boolean {
  return /<!--\s*(output|not[ -]?run|before)\b/i.test(line.replaceAll(/`[^`]*`/g, ""));
}

/**
 * Reads the blocks of a page with their marks.
 * @throws Error with the line of a block that is not closed, of a mark without its text, or of one that precedes no block
 */
export function readPage(text: string): Page {
  const lines = text.split("\n");
  const prose = [...lines];
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const [, indent = "", fence, language = ""] = opening.exec(lines[at] ?? "") ?? [];
    if (fence === undefined) {
      at += 1;
      continue;
    }
    const end = lines.findIndex((line, index) => index > at && closes(line, fence));
    if (end < 0) throw new Error(`line ${at + 1}: the block is not closed`);
    const content = lines
      .slice(at + 1, end)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    const mark = readMark(lines[at - 1] ?? "", at);
    blocks.push({ line: at + 1, language, text: content.join("\n"), mark });
    if (mark.kind !== "none") prose[at - 1] = "";
    prose.fill("", at, end + 1);
    at = end + 1;
  }
  const stray = prose.findIndex(isAttempt);
  if (stray >= 0) throw new Error(`line ${stray + 1}: the mark precedes no block: ${prose[stray]?.trim()}`);
  return { blocks, prose };
}

function closes(line: string, fence: string): boolean {
  const bare = line.trim();
  return bare.length >= fence.length && bare === fence.charAt(0).repeat(bare.length);
}

/** `line` is the number of the line that is read, from 1. */
function readMark(text: string, line: number): Mark {
  const [, kind, rest = ""] = comment.exec(text) ?? [];
  if (kind === "output" && rest === "") return { kind };
  if (kind === "not run" && rest !== "") return { kind, reason: rest };
  if (kind === "before" && rest !== "") return { kind, commands: rest };
  if (isAttempt(text)) throw new Error(`line ${line}: not a mark: ${text.trim()}`);
  return { kind: "none" };
}
