import { isObject } from "../request/answers.ts";
import type { Session } from "../session.ts";
import { columnsOf } from "../shell.ts";
import { type Column, createTable, pairLines } from "./table.ts";
import { sanitize } from "./width.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Any object as lines: names and values, and a table for a list of objects. */
export function fieldLines(fields: Fields, session: Pick<Session, "paint" | "shell">, indent = ""): string[] {
  const plain: [string, string][] = [];
  const nested: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const rows = Array.isArray(value) ? value.filter(isObject) : [];
    if (isObject(value)) nested.push(`${indent}${title(name)}`, ...fieldLines(value, session, `${indent}  `));
    else if (rows.length > 0) nested.push("", `${indent}${title(name)}`, ...rowLines(rows, session));
    else plain.push([title(name), sanitize(valueText(value))]);
  }
  return [...pairLines(plain, session.paint, indent), ...nested];
}

/** Any list of objects as the lines of a table. */
export function rowLines(rows: readonly Fields[], { paint, shell }: Pick<Session, "paint" | "shell">): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name): Column<Fields> => {
    const text = (row: Fields) => valueText(row[name]);
    return { title: title(name).toUpperCase(), text, ...(name === "error" ? { least: 10 } : {}) };
  });
  const table = createTable(columns, rows, columnsOf(shell.stdout), paint);
  return [table.header, ...rows.map((row) => table.line(row))];
}

function title(name: string): string {
  return name.replaceAll("_", " ");
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(valueText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
