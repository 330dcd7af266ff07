import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { rules } from "../faults/checker/violation.ts";
import { faultKinds } from "../faults/history/plan.ts";
import { mutations } from "../faults/mutations/table.ts";

let page = "";

beforeAll(async () => {
  page = await readFile(new URL("../../docs/testing.md", import.meta.url), "utf8");
});

/** The first cells of the tables below this heading, without their heads and code marks. */
function firstCells(heading: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows
    .filter((row, index) => !row.startsWith("| -") && !rows[index + 1]?.startsWith("| -"))
    .map((row) => (row.split("|")[1] ?? "").trim().replaceAll("`", ""));
}

test("the page lists every kind of fault once", () => {
  expect(firstCells("The fault model").toSorted()).toEqual(faultKinds.map(({ name }) => name).toSorted());
});

test("the page lists every rule of the checker once", () => {
  expect(firstCells("The checker").toSorted()).toEqual([...rules].toSorted());
});

test("the page lists every mutation with the rules that find it", () => {
  expect(firstCells("Mutations")).toEqual(mutations.map(({ name }) => name));
  for (const { name, caught } of mutations) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${name} `)) ?? "";
    expect([...row.matchAll(/`([a-z]+)`/g)].map(([, rule]) => rule).toSorted(), name).toEqual(caught.toSorted());
  }
});
