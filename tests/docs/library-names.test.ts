import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { beforeAll, expect, test } from "vitest";
import * as library from "../../task-state/index.ts";
import { root } from "./support/documents.ts";

let page = "";
let source = "";

beforeAll(async () => {
  page = await readFile(join(root, "docs/library.md"), "utf8");
  source = await readFile(join(root, "task-state/index.ts"), "utf8");
});

/** The rows of the tables below this heading whose first cell is code, as first cell and meaning. */
function rows(heading: string): (readonly [string, string])[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| (`.+?) *\| (.*?) *\|$/gm)].map(([, name = "", meaning = ""]) => [name, meaning]);
}

/** The names that the library exports, types included. */
function exportedNames(): string[] {
  const lists = source.matchAll(/^export (?:type )?\{([^}]*)\} from/gm);
  return [...lists].flatMap(([, list = ""]) =>
    list
      .split(",")
      .map((name) => name.trim().replace(/^type /, ""))
      .filter((name) => name !== ""),
  );
}

test("the search finds every exported value", () => {
  expect(exportedNames()).toEqual(expect.arrayContaining(Object.keys(library)));
});

test("the page lists every public name once, with its meaning", () => {
  const listed = rows("Public names");
  expect(listed.map(([name]) => name.replaceAll("`", "")).toSorted()).toEqual(exportedNames().toSorted());
  expect(listed.filter(([, meaning]) => meaning === "")).toEqual([]);
});

test("the page lists every verb of the store once", () => {
  const calls = rows("The verbs").flatMap(([cell]) => [...cell.matchAll(/`(\w+)\(/g)]);
  const methods = calls.map(([, name = ""]) => name);
  const context = library.createContext({ primary: new Redis({ lazyConnect: true }) });
  expect(methods.toSorted()).toEqual(Object.keys(library.createTaskStore(context)).toSorted());
});
