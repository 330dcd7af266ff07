import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const ownName = "dms-frontend";

/** What each room may import besides itself. Imports run one way. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "task-state": [],
  shared: ["task-state"],
  functions: ["shared", "task-state"],
  cli: ["local", "functions", "shared", "task-state"],
  local: ["functions", "shared", "task-state"],
  build: ["local", "functions", "shared", "task-state"],
  examples: ["task-state"],
};
const maxLines = 250;

interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Files of ours that it imports, as paths from the root. */
  readonly imports: readonly string[];
}

let files: SourceFile[] = [];

beforeAll(async () => {
  const exclude = (path: string) => /(^|\/)(node_modules|dist|\.[a-z-]+)(\/|$)/.test(path);
  for await (const path of glob("**/*.{ts,js,mjs}", { cwd: root, exclude })) {
    const text = readFileSync(join(root, path), "utf8");
    files.push({ path, text, imports: importsOf(path, text) });
  }
  files = files.filter(({ path }) => !exclude(path));
});

function importsOf(path: string, text: string): string[] {
  const named = text.matchAll(/(?:^|\s)(?:from|import)\s*\(?\s*["']([^"']+)["']/g);
  return [...named].flatMap(([, name = ""]) => {
    if (name.startsWith(".")) return [relative(root, resolve(root, dirname(path), name))];
    return name.startsWith(`${ownName}/`) ? [name.slice(ownName.length + 1)] : [];
  });
}

const roomOf = (path: string) => path.split("/")[0] ?? "";

/** The function that a file belongs to: a file below `user/`, `operator/` or `meta/`, a directory below `background/`. */
function functionOf(path: string): string | undefined {
  return /^functions\/(background\/[^/]+|[^/]+\/[^/]+)/.exec(path)?.[1];
}

test("the search finds the sources and their imports", () => {
  expect(files.length).toBeGreaterThan(60);
  const imported = new Set(files.flatMap(({ imports }) => imports));
  const present = new Set(files.map(({ path }) => path));
  // What `build/` names in the text of the entries that it generates stands elsewhere.
  const found = (path: string) => present.has(path) || (roomOf(path) === "build" && !path.startsWith("build/build"));
  expect([...imported].filter((path) => path.endsWith(".ts") && !found(path))).toEqual([]);
  expect(files.find(({ path }) => path === "local/server.ts")?.imports).toContain("functions/index.ts");
  expect(functionOf("functions/user/get-task.ts")).toBe("user/get-task.ts");
  expect(functionOf("functions/background/janitor/janitor.ts")).toBe("background/janitor");
  expect(functionOf("functions/index.ts")).toBeUndefined();
});

test.each(Object.entries(mayImport))("%s imports, besides itself, nothing of ours but %j", (room, allowed) => {
  const wrong = files
    .filter(({ path }) => roomOf(path) === room)
    .flatMap(({ path, imports }) => imports.map((target) => ({ path, target, room: roomOf(target) })))
    .filter(
      ({ target, ...found }) => found.room !== room && target !== "package.json" && !allowed.includes(found.room),
    );
  expect(wrong).toEqual([]);
});

test("the sources import nothing from tests, bench or examples", () => {
  const outside = new Set(["tests", "bench", "examples"]);
  const wrong = files
    .filter(({ path }) => !outside.has(roomOf(path)))
    .flatMap(({ path, imports }) =>
      imports.filter((target) => outside.has(roomOf(target))).map((target) => [path, target]),
    );
  expect(wrong).toEqual([]);
});

test("no function imports another one; only functions/index.ts knows them all", () => {
  const wrong = files
    .filter(({ path }) => functionOf(path) !== undefined)
    .flatMap(({ path, imports }) =>
      imports
        .filter((target) => roomOf(target) === "functions" && functionOf(target) !== functionOf(path))
        .map((target) => [path, target]),
    );
  expect(wrong).toEqual([]);
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
