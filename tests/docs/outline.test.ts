import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { linkedInTables } from "./support/document-table.ts";
import { allPages, root } from "./support/documents.ts";
import { terminologyFault } from "./support/terminology.ts";

const comment = [
  "/**",
  " * The library.",
  " *",
  " * - record: the task as JSON,",
  " *   under `task:{id}`;",
  " * - lease: a right.",
];
const source = [...comment, " */", "", "export const a = 1;"].join("\n");
const page = "# Terms\n\n- **record**: the task\n  as JSON, under `task:{id}`;\n- **lease**: a right.\n\nMore.";

test("a page that holds the terms of the comment has no fault, however its lines break", () => {
  expect(terminologyFault(source, page, ["record", "lease"])).toBeUndefined();
});

test.each([
  ["another word", source, page.replace("a right", "the right"), "the page does not hold these words"],
  ["a term less on the page", source, page.replace(/- \*\*lease.*/, ""), "the page does not hold these words"],
  ["a term less in the comment", source.replace(/ \* - lease.*\n/, ""), page, "the comment does not explain lease"],
  ["no list", "/** The library. */", page, "the comment does not explain record, lease"],
  ["no comment", "export const a = 1;", page, "the source begins with no comment"],
  ["a long comment", source.replace(" */", `${" *\n".repeat(14)} */`), page, "the comment has 21 lines"],
])("%s is a fault of the terminology", (_name, text, other, fault) => {
  expect(terminologyFault(text, other, ["record", "lease"])).toMatch(fault);
});

test("only links in tables are in the table of documents", () => {
  const readme = "[a](docs/a.md)\n\n| Page | |\n| --- | --- |\n| [b](docs/b.md) | B |\n| [c](docs/c.md#x) | C |";
  expect(linkedInTables(readme)).toEqual(["docs/b.md", "docs/c.md"]);
});

const read = (path: string) => readFile(join(root, path), "utf8");
const terms = ["record", "sidecar", "claim", "lease", "fast path", "park", "dead letter", "adopt"];
const maxLines = 200;

test("the head of the library explains its terms in the words of docs/architecture.md", async () => {
  const [head, architecture] = [await read("task-state/index.ts"), await read("docs/architecture.md")];
  expect(terminologyFault(head, architecture, terms)).toBeUndefined();
});

test(`the README has at most ${maxLines} lines`, async () => {
  expect((await read("README.md")).trimEnd().split("\n").length).toBeLessThanOrEqual(maxLines);
});

test("the README's table of documents links every page of docs/", async () => {
  const pages = (await allPages()).filter((path) => path.startsWith("docs/"));
  expect(linkedInTables(await read("README.md"))).toEqual(expect.arrayContaining(pages));
});
