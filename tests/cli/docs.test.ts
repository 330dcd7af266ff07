import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { cliReference, exitCodeTable, referencePath, variableTable, withReference } from "../../cli/docs.ts";
import { exitCodes } from "../../cli/exit-code.ts";
import { run } from "./support/run.ts";

test("docs/cli.md is current: npm run docs:cli writes it", async () => {
  const page = await readFile(referencePath, "utf8");
  expect(page).toBe(withReference(page));
  expect(page.endsWith(cliReference())).toBe(true);
});

test("the exit codes and variables in docs/cli.md are those of the program", async () => {
  const page = await readFile(referencePath, "utf8");
  expect(page).toContain(exitCodeTable());
  expect(page).toContain(variableTable());
});

test("every command has a summary, a help with examples, and a section in the reference", async () => {
  const reference = cliReference();
  const groups = [...(await run(["--help"])).stdout.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = ""]) => name);
  expect(groups).toEqual(
    expect.arrayContaining(["tasks", "admin", "ping", "serve", "dev", "show-config", "completion"]),
  );
  for (const group of [[], ["tasks"], ["admin"]]) {
    expect((await run([...group, "--help"])).stdout, group.join(" ")).toContain("Examples:\n  # ");
  }
  for (const heading of reference.matchAll(/^## dms-frontend (.*)$/gm)) {
    const words = heading[1]?.split(" ") ?? [];
    const { code, stdout, stderr } = await run([...words, "--help"]);
    expect([code, stderr], words.join(" ")).toEqual([0, ""]);
    expect(stdout, words.join(" ")).toContain("Examples:\n  # ");
  }
});

test("help is available as a command, too", async () => {
  const asked = async (...words: string[]) => (await run(words)).stdout;
  const help = await asked("tasks", "list", "--help");
  expect(help).toContain("List a user's tasks");
  expect(await asked("help", "tasks", "list")).toBe(help);
  expect(await asked("tasks", "help", "list")).toBe(help);
  expect(await asked("help")).toBe(await asked("--help"));
});

test("exit codes differ from each other", () => {
  expect(new Set(Object.values(exitCodes)).size).toBe(Object.keys(exitCodes).length);
});
