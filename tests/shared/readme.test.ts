import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { endpoints } from "../../shared/api/endpoints.ts";
import { variables } from "../../shared/config.ts";

let readme = "";

beforeAll(async () => {
  readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
});

/** The page without the section on the command line, whose variables are its own. */
function section(page: string): string {
  return page.replace(/^## The command line$[\s\S]*?(?=^## API$)/m, "");
}

/** The cells of the table rows whose first cell matches, in the order of the page, without their code marks. */
function rows(first: RegExp): string[][] {
  return section(readme)
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .trim()
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll("`", "")),
    )
    .filter(([name = ""]) => first.test(name));
}

const variableRows = () => rows(/^(DMS_[A-Z_]+|PORT|K_[A-Z]+)$/);
const endpointRows = () => rows(/^(GET|POST|PUT|PATCH|DELETE)$/);

test("the configuration table holds every variable with its default, once", () => {
  const shown = variableRows().map(([name, fallback]) => [name, fallback]);
  const expected = Object.values(variables).map((variable) => [variable.name, variable.default]);
  expect(shown.toSorted()).toEqual(expected.toSorted());
});

test("every row of the configuration table says what its variable means, in the words of the source", () => {
  const meanings = new Map<string, string>(
    Object.values(variables).map(({ name, meaning }) => [name, meaning.replaceAll("`", "")]),
  );
  for (const [name = "", , meaning] of variableRows()) expect(meaning, name).toBe(meanings.get(name));
});

test("the API table holds every endpoint with its authentication and summary, once", () => {
  const expected = Object.values(endpoints).map(({ method, path, auth, summary }) => [method, path, auth, summary]);
  expect(endpointRows().toSorted()).toEqual(expected.toSorted());
});

test("no variable is named anywhere that does not exist", () => {
  const ofTheTests = ["DMS_SEED", "DMS_FAULTS", "DMS_PATH", "DMS_HISTORY"];
  const known = new Set<string>([...Object.values(variables).map(({ name }) => name), ...ofTheTests]);
  const named = new Set(section(readme).match(/\bDMS_[A-Z][A-Z_]*[A-Z]\b/g));
  expect([...named].filter((name) => !known.has(name))).toEqual([]);
});
