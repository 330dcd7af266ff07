import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { isMet, type Line, ratioOf } from "./row.ts";

/** The environment of the figures. */
export interface Circumstances {
  readonly date: string;
  readonly node: string;
  readonly redis: string;
  readonly cores: number;
  readonly processor: string;
  readonly load: string;
  /** Load average of the minute before; above 1, the machine was busy with other work. */
  readonly loadAverage: number;
}

export function circumstances(redis: string, load: string, loadAverage: number): Circumstances {
  return {
    date: new Date().toISOString(),
    node: process.versions.node,
    redis,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    load,
    loadAverage,
  };
}

/** The lines as a text table. */
export function table(lines: readonly Line[]): string {
  const head = ["", "ours", "against", "ratio", "goal", ""];
  const rows = [head, ...lines.map(cells)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return rows.map((row) => line(row).join("   ").trimEnd()).join("\n");
}

function cells(line: Line): string[] {
  const { name, value, unit, against } = line;
  const met = isMet(line);
  return [
    name,
    figure(value, unit),
    against ? `${against.name} ${figure(against.value, unit)}` : "",
    ratioOf(line)?.toFixed(2) ?? "",
    goalText(line),
    met === undefined ? "" : met ? "met" : "missed",
  ];
}

function goalText({ goal, unit }: Line): string {
  if (!goal) return "";
  const sign = goal.atLeast === undefined ? "<" : ">=";
  const limit = goal.atLeast ?? goal.below ?? Number.NaN;
  return goal.of === "ratio" ? `ratio ${sign} ${limit}` : `${sign} ${figure(limit, unit)}`;
}

function figure(value: number, unit: Line["unit"]): string {
  if (unit === "ms") return `${value.toFixed(2)} ms`;
  const rounded = Math.round(value).toLocaleString("en");
  return unit === "MiB" ? `${rounded} MiB` : `${rounded}/s`;
}

const resultsFile = new URL("./results.json", import.meta.url);

/** Writes the figures to `bench/results.json`. */
export async function writeResults(lines: readonly Line[], made: Circumstances): Promise<void> {
  const figures = lines.map((line) => ({ ...line, ratio: ratioOf(line), met: isMet(line) }));
  const rounded = (_key: string, value: unknown) =>
    typeof value === "number" ? Number(value.toFixed(value < 100 ? 3 : 0)) : value;
  await writeFile(resultsFile, `${JSON.stringify({ ...made, lines: figures }, rounded, 2)}\n`);
}
