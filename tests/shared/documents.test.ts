import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { variables as cliVariables } from "../../cli/variables.ts";
import packageJson from "../../package.json" with { type: "json" };
import { endpoints } from "../../shared/api/endpoints.ts";
import { variables } from "../../shared/config.ts";
import { unavailableDetails } from "../../shared/http/unavailable.ts";

const root = join(import.meta.dirname, "../..");
/** Every document by its path from the root. */
const documents = new Map<string, string>();

beforeAll(async () => {
  for (const pattern of ["*.md", "docs/*.md"]) {
    for await (const path of glob(pattern, { cwd: root })) {
      documents.set(path, await readFile(join(root, path), "utf8"));
    }
  }
});

function page(path: string): string {
  return documents.get(path) ?? "";
}

/** The cells of the table rows whose first cell matches, in the order of the page, without their code marks. */
function rows(path: string, first: RegExp): string[][] {
  return page(path)
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

const variableRows = () => rows("docs/configuration.md", /^(DMS_[A-Z_]+|PORT|K_[A-Z]+)$/);
const endpointRows = () => rows("docs/api.md", /^(GET|POST|PUT|PATCH|DELETE)$/);

test("the API's page has every detail that a 503 of Redis gives, and no other", () => {
  const shown = rows("docs/api.md", /^(submission|change|read)$/).map(([, detail]) => detail);
  expect(shown).toEqual(Object.values(unavailableDetails).flatMap((details) => Object.values(details)));
});

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

test("no document names a variable that does not exist", () => {
  const ofTheTests = ["DMS_SEED", "DMS_FAULTS", "DMS_PATH", "DMS_HISTORY"];
  const ofTheProgram = [...Object.values(variables), ...Object.values(cliVariables)].map(({ name }) => name);
  const known = new Set<string>([...ofTheProgram, ...ofTheTests]);
  const named = [...documents].flatMap(([path, text]) =>
    [...text.matchAll(/\bDMS_[A-Z][A-Z_]*[A-Z]\b/g)].map(([name]) => ({ path, name })),
  );
  expect(named.length).toBeGreaterThan(Object.keys(variables).length);
  expect(named.filter(({ name }) => !known.has(name))).toEqual([]);
});

test("the changelog and the production image have the version of package.json", async () => {
  const [, newest] = /^## \[(\d+\.\d+\.\d+)\]/m.exec(page("CHANGELOG.md")) ?? [];
  expect(newest).toBe(packageJson.version);
  const overlay = await readFile(join(root, "knative/overlays/production/kustomization.yaml"), "utf8");
  const { images } = z.object({ images: z.array(z.object({ newTag: z.string() })) }).parse(parse(overlay));
  expect(images.map(({ newTag }) => newTag)).toEqual([packageJson.version]);
});
