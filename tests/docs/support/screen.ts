// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const pieces = /\u001b\[([0-9;?]*)([A-Za-z])|\r|\n|[^\u001b\r\n]+|\u001b/g;

/**
 * What stays on a terminal's screen of all that a program writes to it: lines that are drawn over are gone. Knows the
 * moves of a live view (up, start of the line, erase below or to the right) and drops colours and everything else.
 */
export function screenOf(written: string): string {
  const rows = [""];
  let row = 0;
  let column = 0;
  for (const [piece, count, move] of written.matchAll(pieces)) {
    const current = rows[row] ?? "";
    if (piece === "\n") {
      row += 1;
      // The terminal driver writes `\r\n` for each line's end.
      rows[row] ??= "";
    } else if (piece === "\r") {
      column = 0;
    } else if (move === "A") {
      row = Math.max(0, row - Number(count || 1));
    } else if (move === "J") {
      rows.splice(row, Number.POSITIVE_INFINITY, current.slice(0, column));
    } else if (move === "K") {
      rows[row] = current.slice(0, column);
    } else if (!piece.startsWith("\u001b")) {
      rows[row] = current.padEnd(column).slice(0, column) + piece + current.slice(column + piece.length);
      column += piece.length;
    }
  }
  return rows.join("\n");
}
