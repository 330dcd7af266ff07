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

/** The rows of the tables below this heading, as first cell and meaning. */
function rows(heading: string): (readonly [string, string])[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| `([^`]+)` *\| (.*?) *\|$/gm)].map(([, name = "", meaning = ""]) => [name, meaning]);
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
  expect(listed.map(([name]) => name).toSorted()).toEqual(exportedNames().toSorted());
  expect(listed.filter(([, meaning]) => meaning === "")).toEqual([]);
});

test("the page lists every method of the store once", () => {
  const methods = rows("The store").map(([call]) => call.replace(/\(.*/, ""));
  const context = library.createContext({ primary: new Redis({ lazyConnect: true }) });
  expect(methods.toSorted()).toEqual(Object.keys(library.createTaskStore(context)).toSorted());
});
