import type { Colour, Paint } from "./colour.ts";
import { cut, pad, sanitize, widthOf } from "./width.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
  /** Shrinks to this width before the table outgrows its terminal. @default never shrinks */
  readonly least?: number;
  /** Left out where the terminal is too narrow for all columns; the last one goes first. */
  readonly spare?: boolean;
}

/** A table whose rows may come in pieces. */
export interface Table<Row> {
  readonly header: string;
  line(row: Row): string;
}

const gap = "  ";

/**
 * A table that fits into `width` columns: what may shrink shrinks, the widest first, then what can be spared is left out,
 * and the last column takes what is left. Widths come from the first rows; where a later one is wider, its last column gives way.
 */
export function createTable<Row>(
  columns: readonly Column<Row>[],
  firstRows: readonly Row[],
  width: number,
  paint: Paint,
): Table<Row> {
  const natural = columns.map(({ title, text }) =>
    firstRows.reduce((most, row) => Math.max(most, widthOf(sanitize(text(row).slice(0, 1000)))), title.length),
  );
  const limited = Number.isFinite(width);
  const shown = limited ? withoutSpare(columns, natural, width) : columns.map((_, index) => index);
  const kept = shown.flatMap((index) => columns[index] ?? []);
  const full = shown.map((index) => natural[index] ?? 0);
  const widths = limited ? fitWidths(full, kept, width) : full;
  const line = (texts: readonly string[], colours: readonly (Colour | undefined)[]) => {
    let excess = 0;
    const cells = texts.map((text, index) => {
      const last = index === texts.length - 1;
      const [own = 0, whole = 0] = [widths[index], full[index]];
      const room = last ? Math.max(1, own - excess) : own;
      const held = limited && index > 0 && (last || own < whole || kept[index]?.least !== undefined);
      const fitting = held ? cut(text, room) : text;
      const filling = room - widthOf(fitting);
      excess += Math.max(0, -filling);
      return paint(colours[index], fitting) + (last ? "" : " ".repeat(Math.max(0, filling)));
    });
    return cells.join(gap).trimEnd();
  };
  return {
    header: line(
      kept.map(({ title }) => title),
      kept.map(() => "bold"),
    ),
    line: (row) =>
      line(
        kept.map(({ text }) => sanitize(text(row))),
        kept.map(({ colour }) => colour?.(row)),
      ),
  };
}

/** Positions of the columns that there is room for. */
function withoutSpare<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): number[] {
  const least = (index: number) => Math.min(natural[index] ?? 0, columns[index]?.least ?? Number.POSITIVE_INFINITY);
  const shown = columns.map((_, index) => index);
  while (sum(shown.map(least)) + gap.length * (shown.length - 1) > width) {
    const spare = shown.findLastIndex((index) => columns[index]?.spare);
    if (spare < 0) break;
    shown.splice(spare, 1);
  }
  return shown;
}

/** Widths that add up: first what may shrink shrinks, then, in a terminal narrower than that, all but the first column. */
function fitWidths<Row>(full: readonly number[], columns: readonly Column<Row>[], width: number): number[] {
  const widths = [...full];
  let excess = sum(widths) + gap.length * (widths.length - 1) - width;
  for (const least of [
    columns.map((column) => column.least),
    columns.map((_, index) => (index === 0 ? undefined : 1)),
  ]) {
    while (excess > 0) {
      let widest = -1;
      for (const [index, current] of widths.entries()) {
        if (current > (least[index] ?? current) && current > (widths[widest] ?? 0)) widest = index;
      }
      if (widest < 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
      excess -= 1;
    }
  }
  const last = widths.length - 1;
  if (excess < 0 && columns[last]?.least !== undefined) widths[last] = (widths[last] ?? 0) - excess;
  return widths;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The lines of a list of names and values, the values aligned. */
export function pairLines(pairs: readonly (readonly [string, string])[], paint: Paint, indent = ""): string[] {
  const width = pairs.reduce((most, [name]) => Math.max(most, widthOf(sanitize(name))), 0);
  return pairs.map(([name, value]) => `${indent}${paint("dim", pad(sanitize(name), width))}  ${value}`.trimEnd());
}
