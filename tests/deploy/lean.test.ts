import { statSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { beforeAll, expect, inject, test } from "vitest";
import { bundle } from "../../build/bundle.ts";
import { findFunctions } from "../../build/functions.ts";
import { lean, replacements } from "../../build/lean.ts";
import { patched, patches } from "../../build/patches.ts";

/** Together they have everything that is changed. */
const functions = (await findFunctions()).filter(({ name }) => name === "list-users" || name === "dispatcher");
const least = 15_000;
/** They save time instead, which `npm run bench:lean` measures. */
const savingTime = new Set(["http2", "caller", "debug"]);

async function sizesWith(name: string, changes: readonly Plugin[]): Promise<number[]> {
  const directory = join(inject("runDirectory"), "lean", name);
  await bundle(functions, "server", directory, changes);
  return functions.map((fn) => statSync(join(directory, "server", `${fn.name}.cjs`)).size);
}

let lightest: number[];
beforeAll(async () => {
  lightest = await sizesWith("all", [lean("server"), patched()]);
});

test.each(replacements.filter(({ name }) => !savingTime.has(name)))(
  "leaving out $name saves 15 KB of a bundle",
  async ({ name }) => {
    const others = replacements.filter((item) => item.name !== name);
    const sizes = await sizesWith(name, [lean("server", others), patched()]);
    expect(Math.max(...sizes.map((size, index) => size - (lightest[index] ?? 0)))).toBeGreaterThan(least);
  },
);

const moved = "has moved";

test.each([
  ["the file that asks for a module", { importer: /fastify\/lib\/gone/, path: /^node:http2$/ }],
  ["the module that it asks for", { importer: /fastify\/lib\/server/, path: /^node:gone$/ }],
])("a build fails when %s is no longer there", async (_, place) => {
  const changes = [lean("server", [...replacements, { ...place, name: "gone", contents: "" }]), patched()];
  await expect(sizesWith("moved", changes)).rejects.toThrow(moved);
});

test.each([
  ["the file", { file: /ioredis\/built\/Gone\.js$/, changes: [] }, moved],
  [
    "the text",
    { file: /ioredis\/built\/Redis\.js$/, changes: [["a text that it never had", ""]] as const },
    "no longer has",
  ],
])("a build fails when %s that a patch changes is no longer there", async (_, place, message) => {
  const changes = [lean("server"), patched([...patches, { ...place, name: "gone" }])];
  await expect(sizesWith("moved", changes)).rejects.toThrow(message);
});
