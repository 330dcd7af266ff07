import type { Colour, Paint } from "./colour.ts";
import { cut, pad, tame, widthOf } from "./width.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
  /** Shrinks to this width before the table outgrows its terminal. @default never shrinks */
  readonly least?: number;
}

/** A table whose rows may come in pieces. */
export interface Table<Row> {
  readonly header: string;
  line(row: Row): string;
}

const gap = "  ";

/**
 * A table that fits into `width` columns: what may shrink shrinks, the widest first, and the last column takes what is
 * left. Widths come from the first rows; later ones that are wider stand out rather than being held back.
 */
export function createTable<Row>(
  columns: readonly Column<Row>[],
  firstRows: readonly Row[],
  width: number,
  paint: Paint,
): Table<Row> {
  const natural = columns.map(({ title, text }) =>
    firstRows.reduce((most, row) => Math.max(most, widthOf(tame(text(row).slice(0, 1000)))), title.length),
  );
  const widths = fitWidths(natural, columns, width);
  const line = (texts: readonly string[], colours: readonly (Colour | undefined)[]) =>
    texts
      .map((text, index) => {
        const room = widths[index] ?? 0;
        const shown = columns[index]?.least !== undefined && Number.isFinite(width) ? cut(text, room) : text;
        const filling = index === texts.length - 1 ? "" : " ".repeat(Math.max(0, room - widthOf(shown)));
        return paint(colours[index], shown) + filling;
      })
      .join(gap)
      .trimEnd();
  return {
    header: line(
      columns.map(({ title }) => title),
      columns.map(() => "bold"),
    ),
    line: (row) =>
      line(
        columns.map(({ text }) => tame(text(row))),
        columns.map(({ colour }) => colour?.(row)),
      ),
  };
}

function fitWidths<Row>(natural: readonly number[], columns: readonly Column<Row>[], width: number): number[] {
  const widths = [...natural];
  if (!Number.isFinite(width)) return widths;
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [index, { least }] of columns.entries()) {
      const current = widths[index] ?? 0;
      if (least !== undefined && current > least && current > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  const last = widths.length - 1;
  if (excess < 0 && columns[last]?.least !== undefined) widths[last] = (widths[last] ?? 0) - excess;
  return widths;
}

/** The lines of a list of names and values, the values aligned. */
export function pairLines(pairs: readonly (readonly [string, string])[], paint: Paint, indent = ""): string[] {
  const width = pairs.reduce((most, [name]) => Math.max(most, widthOf(tame(name))), 0);
  return pairs.map(([name, value]) => `${indent}${paint("dim", pad(tame(name), width))}  ${value}`.trimEnd());
}
