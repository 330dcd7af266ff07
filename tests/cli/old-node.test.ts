import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { bin, run, startProcess } from "./support/run.ts";

/** A Node that says it is of another version. */
function posingAs(version: string): string[] {
  const file = join(inject("runDirectory"), `node-${version}.cjs`);
  writeFileSync(file, `Object.defineProperty(process, "version", { value: "v${version}" });`);
  return ["--require", file];
}

const runOn = (version: string, args: readonly string[]) =>
  startProcess(process.execPath, [...posingAs(version), bin, ...args], { input: "" }).over;

const needed = packageJson.engines.node.replace(">=", "");

test.each([["show-config"], ["serve"], ["dev"], ["tasks", "list"], ["--help"], ["__complete", "tasks", ""]])(
  "on an old Node, `%s %s` says in one line what it needs",
  async (...args) => {
    const stderr = `dms-frontend: Node.js ${needed} or newer is needed, and this is v20.20.2\n`;
    expect(await runOn("20.20.2", args)).toMatchObject({ code: 1, stdout: "", stderr });
  },
);

test("the oldest Node that package.json names runs it, the one before does not", async () => {
  const [major = 0, minor = 0] = needed.split(".").map(Number);
  const codes = [`${major}.${minor - 1}.9`, `${major}.${minor}.0`, `${major + 1}.0.0`].map(
    async (version) => (await runOn(version, ["--version"])).code,
  );
  expect(await Promise.all(codes)).toEqual([1, 0, 0]);
});

test("a Node of the machine that is too old gets the line, not a stack trace", async ({ skip }) => {
  const own = "/usr/bin/node";
  const { code, stdout } = await startProcess(own, ["--version"], { input: "" }).over.catch(() => ({
    code: 1,
    stdout: "",
  }));
  const [, major = "99"] = /^v(\d+)/.exec(stdout) ?? [];
  if (code !== 0 || Number(major) >= Number(needed.split(".")[0])) skip(`${own} is not there, or new enough`);
  const result = await startProcess(own, [bin, "show-config"], { input: "" }).over;
  expect(result).toMatchObject({ code: 1, stdout: "" });
  expect(result.stderr).toMatch(/^dms-frontend: Node\.js [\d.]+ or newer is needed, and this is v[\d.]+\n$/);
});

test("it runs without complaint on this one", async () => {
  expect(await run(["--version"])).toMatchObject({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
});
