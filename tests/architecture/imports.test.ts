import { beforeAll, expect, test } from "vitest";
import { type ImportGraph, importCircles, parseExplanation, readImportGraph } from "./import-graph.ts";
import { actualArrows, documentedArrows, roomOf } from "./rooms.ts";

let graph: ImportGraph;

beforeAll(async () => {
  graph = await readImportGraph();
}, 120_000);

/** The function that a file belongs to: a file below `user/`, `operator/` or `meta/`, a directory below `background/`. */
function functionOf(file: string): string | undefined {
  return /^functions\/(background\/[^/]+|[^/]+\/[^/]+)/.exec(file)?.[1];
}

const topOf = (file: string) => file.split("/")[0] ?? "";

function importsWhere(isWrong: (file: string, target: string) => boolean): [string, string][] {
  return graph.files.flatMap((file) =>
    graph.importsOf(file).flatMap((target): [string, string][] => (isWrong(file, target) ? [[file, target]] : [])),
  );
}

test("the compiler's explanation gives files, their imports and their circles", () => {
  const text = [
    "a.ts",
    "   Imported via \"./a.ts\" from file 'b.ts'",
    "   Matched by include pattern",
    "b.ts",
    "   Imported via \"./b.ts\" from file 'c.ts'",
    "   Imported via \"./b.ts\" from file 'd.ts'",
    "node_modules/x/index.d.ts",
    "   Imported via \"x\" from file 'a.ts' with packageId 'x/index.d.ts@1.0.0'",
    "c.ts",
    "   Imported via \"./c.ts\" from file 'a.ts'",
    "d.ts",
    "   Matched by include pattern",
  ].join("\n");
  const read = parseExplanation(text);
  expect(read.files).toEqual(["a.ts", "b.ts", "c.ts", "d.ts"]);
  expect(read.importsOf("b.ts")).toEqual(["a.ts"]);
  expect(importCircles(read)).toEqual([["a.ts", "b.ts", "c.ts"]]);
});

test("the graph holds the project's files and imports of values and of types", () => {
  expect(graph.files.length).toBeGreaterThan(400);
  expect(graph.importsOf("local/server.ts")).toContain("functions/index.ts");
  expect(graph.importsOf("shared/http/error.ts")).toContain("shared/logger.ts");
  expect(functionOf("functions/user/get-task.ts")).toBe("user/get-task.ts");
  expect(functionOf("functions/background/janitor/janitor.ts")).toBe("background/janitor");
  expect(functionOf("functions/index.ts")).toBeUndefined();
});

test("no file imports in a circle, types included", () => {
  const circles = importCircles(graph);
  process.stdout.write(`import circles: ${circles.length}\n`);
  expect(circles).toEqual([]);
});

test("the arrows between rooms are those of docs/architecture.md", () => {
  const documented = documentedArrows();
  expect(documented.size).toBeGreaterThan(15);
  expect(Object.fromEntries(actualArrows(graph, [...documented.keys()]))).toEqual(Object.fromEntries(documented));
});

test("every source file is in a documented room", () => {
  const outside = new Set(["tests", "bench", "examples", "vitest.config.ts", "package.json"]);
  const rooms = [...documentedArrows().keys()];
  expect(graph.files.filter((file) => !outside.has(topOf(file)) && roomOf(file, rooms) === undefined)).toEqual([]);
});

test("rooms import each other one way", () => {
  const rooms = documentedArrows();
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    (rooms.get(from) ?? []).some((next) => {
      if (next === to) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, to, seen);
    });
  expect([...rooms.keys()].filter((room) => reaches(room, room))).toEqual([]);
});

test("the sources import nothing from tests, bench or examples", () => {
  const outside = new Set(["tests", "bench", "examples"]);
  expect(importsWhere((file, target) => !outside.has(topOf(file)) && outside.has(topOf(target)))).toEqual([]);
});

test("no function imports another one; only functions/index.ts knows them all", () => {
  const wrong = importsWhere((file, target) => {
    const from = functionOf(file);
    return from !== undefined && topOf(target) === "functions" && functionOf(target) !== from;
  });
  expect(wrong).toEqual([]);
});
