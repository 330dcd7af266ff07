import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { root } from "./import-graph.ts";

const maxLines = 250;

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

let files: SourceFile[] = [];

beforeAll(async () => {
  const exclude = (path: string) => /(^|\/)(node_modules|dist|\.[a-z-]+)(\/|$)/.test(path);
  for await (const path of glob("**/*.{ts,js,mjs}", { cwd: root, exclude })) {
    files.push({ path, text: readFileSync(join(root, path), "utf8") });
  }
  files = files.filter(({ path }) => !exclude(path));
});

const roomOf = (path: string) => path.split("/")[0] ?? "";

test("the search finds the sources", () => {
  expect(files.length).toBeGreaterThan(400);
});

test(`no file is longer than ${maxLines} lines`, () => {
  const lines = files.map(({ path, text }) => [path, text.trimEnd().split("\n").length] as const);
  expect(lines.filter(([, count]) => count > maxLines)).toEqual([]);
});

test("nothing writes to the console", () => {
  const writers = files.filter(({ text }) => new RegExp(`\\b${"console"}\\s*[.[]`).test(text));
  expect(writers.map(({ path }) => path)).toEqual([]);
});

test("only the configuration and what starts a process read the environment", () => {
  const product = new Set(["task-state", "shared", "functions"]);
  const startsProcess = (path: string) => path.startsWith("shared/runtime/");
  const readers = files.filter(
    ({ path, text }) => product.has(roomOf(path)) && !startsProcess(path) && text.includes("process.env"),
  );
  expect(readers.map(({ path }) => path)).toEqual([]);
});
