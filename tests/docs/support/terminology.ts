const maxLines = 20;

/**
 * What is wrong with the terminology: the comment at the head of a source file explains each of these terms (`- term: …`)
 * in at most 20 lines, and the page holds its list in the same words. Line breaks, emphasis and code marks may differ.
 */
export function terminologyFault(source: string, page: string, terms: readonly string[]): string | undefined {
  const [comment] = /^\/\*\*[\s\S]*?\*\//.exec(source) ?? [];
  if (comment === undefined) return "the source begins with no comment";
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\/?\*+\/?\s?/, "").trimEnd());
  if (lines.length > maxLines) return `the comment has ${lines.length} lines, more than ${maxLines}`;
  const first = lines.findIndex((line) => line.startsWith("- "));
  const list = plain(first < 0 ? "" : lines.slice(first).join("\n"));
  const missing = terms.filter((term) => !new RegExp(`(^| )- ${term}\\b`, "i").test(list));
  if (missing.length > 0) return `the comment does not explain ${missing.join(", ")}`;
  return plain(page).includes(list) ? undefined : `the page does not hold these words: ${list}`;
}

function plain(text: string): string {
  return text
    .replaceAll(/^\s*[-*] /gm, "- ")
    .replaceAll(/[*`]/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}
