import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFile(join(root, path), "utf8");

/** The names in the first column of the tables below a heading. */
async function named(heading: string): Promise<string[]> {
  const sections = (await read("docs/dependencies.md")).split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name = ""]) => name).sort();
}

test("the page gives a reason for every dependency and for no other package", async () => {
  expect(await named("In production")).toEqual(Object.keys(packageJson.dependencies).sort());
  expect(await named("For development")).toEqual(Object.keys(packageJson.devDependencies).sort());
});

test("every dependency has its major version pinned", () => {
  const ranges = Object.values({ ...packageJson.dependencies, ...packageJson.devDependencies });
  expect(ranges.filter((range) => !/^(npm:[a-z]+@)?\^\d+\.\d+\.\d+$/.test(range))).toEqual([]);
});

/** The oldest version that a range such as `>=22.12.0` or `^20.9 || >=22` begins with, as a number that sorts. */
function oldest(range: string): number {
  const [, major = "0", minor = "0"] = /(\d+)(?:\.(\d+))?/.exec(range) ?? [];
  return Number(major) * 1000 + Number(minor);
}

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
      engines: z.object({ node: z.string().optional() }).optional(),
    }),
  ),
});

test("`engines` names the newest Node that a production dependency asks for", async () => {
  const { packages } = lockFile.parse(JSON.parse(await read("package-lock.json")));
  const production = Object.entries(packages).filter(([path, { dev, devOptional }]) => path && !dev && !devOptional);
  expect(production.length).toBeGreaterThan(100);
  const asked = production.map(([, { engines }]) => oldest(engines?.node ?? "0"));
  expect(oldest(packageJson.engines.node)).toBe(Math.max(...asked));
});

test("the patches for others apply to the installed versions", async () => {
  const page = await read("docs/upstream.md");
  const patches = [...page.matchAll(/^```diff\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  expect(patches.length).toBeGreaterThan(0);
  for (const patch of patches) {
    const [, file = ""] = /^--- a\/(.+)$/m.exec(patch) ?? [];
    const source = await read(join("node_modules", file));
    const hunks = patch.split(/^@@.*$/m).slice(1);
    for (const hunk of hunks) {
      const lines = hunk.split("\n").filter((line) => /^[ -]/.test(line));
      expect(source, file).toContain(lines.map((line) => line.slice(1)).join("\n"));
    }
    const [name = ""] = file.split("/");
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(await read(join("node_modules", name, "package.json"))));
    expect(page).toContain(`## ${name} ${version}:`);
  }
});
