import { expect, test } from "vitest";
import { linkedInTables } from "./support/document-table.ts";
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
