import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPage } from "./support/block.ts";
import { allPages, root } from "./support/documents.ts";
import { brokenLinks, type Project } from "./support/links.ts";
import { anchorsOf } from "./support/slug.ts";

const pages = await allPages();
const read = (path: string) => (existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined);
const project: Project = { exists: (path) => existsSync(join(root, path)), read };

/** Folders of a machine: this one's, where they are deep enough to be nobody's example, and those of root and of a Mac. */
const ofMachines = [root, dirname(root), homedir()].filter((path) => path.split("/").length > 2);
const machinePath = new RegExp(
  [
    "file:/",
    "/root/",
    "/Users/\\w",
    "\\b[A-Z]:\\\\",
    ...ofMachines.map((path) => path.replaceAll(/[.+]/g, "\\$&")),
  ].join("|"),
);

describe.each(pages)("%s", (path) => {
  test("its links lead somewhere", () => {
    expect(brokenLinks(path, project)).toEqual([]);
  });

  test("it names no folder of the machine on which it was written", () => {
    const lines = (read(path) ?? "").split("\n");
    expect(lines.filter((line) => machinePath.test(line))).toEqual([]);
  });
});

test("the search finds the pages", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "CHANGELOG.md", "docs/cli.md"]));
});

test("anchors are made as GitHub makes them", () => {
  const headings = [
    "# What it promises",
    "## `dms-frontend tasks list`",
    "### One machine, every function a process",
    "## A & B_c",
    "# [Link](x.md)!",
  ];
  expect([...anchorsOf([...headings, "# What it promises", '<a id="own"></a>'])]).toEqual([
    "what-it-promises",
    "dms-frontend-tasks-list",
    "one-machine-every-function-a-process",
    "a--b_c",
    "link",
    "what-it-promises-1",
    "own",
  ]);
});

test("a link that leads nowhere is found, wherever it is; code is no link", () => {
  const texts: Record<string, string> = {
    "docs/a.md": [
      "# A",
      "[b](b.md) [top](#a) [site](https://example.org/x) [up](../README.md#start) `[code](none.md)`",
      "[c](c.md) and [none](#none) and [none](b.md#none)",
      "[root](/docs/b.md) [out](../../x.md) ![image](no.png) []()",
      "[ref]: gone.md",
      "[^1]: A footnote.",
      "```text",
      "[code](none.md)",
      "```",
      "[code](../src/a.ts#L3) [code](../src/a.ts#x)",
    ].join("\n"),
    "docs/b.md": "# B",
    "README.md": "## Start",
    "src/a.ts": "",
  };
  const small: Project = { exists: (path) => Object.hasOwn(texts, path), read: (path) => texts[path] };
  expect(brokenLinks("docs/a.md", small)).toEqual([
    "docs/a.md:3: c.md: does not exist",
    "docs/a.md:3: #none: has no such heading",
    "docs/a.md:3: b.md#none: has no such heading",
    "docs/a.md:4: /docs/b.md: is no relative path",
    "docs/a.md:4: ../../x.md: is outside of the project",
    "docs/a.md:4: no.png: does not exist",
    "docs/a.md:4: : is empty",
    "docs/a.md:5: gone.md: does not exist",
    "docs/a.md:10: ../src/a.ts#x: is no page with headings",
  ]);
  expect(readPage(texts["docs/a.md"] ?? "").blocks).toHaveLength(1);
});
