import { expect, test } from "vitest";
import { readPage } from "./support/block.ts";
import { specialCommands, withoutSpecial } from "./support/special.ts";
import { readSteps } from "./support/step.ts";

const steps = (...lines: string[]) => readSteps(readPage(lines.join("\n")).blocks);

test("a shell block is a step, with the output that follows it", () => {
  expect(
    steps(
      "# A page",
      "",
      "```sh",
      "echo 1",
      "echo 2",
      "```",
      "",
      "prints",
      "",
      "<!-- output -->",
      "```text",
      "1",
      "```",
    ),
  ).toEqual([{ line: 3, commands: "echo 1\necho 2", special: [], output: "1" }]);
});

test("a block in a list loses its indentation, and a longer fence holds a shorter one", () => {
  expect(steps("- one", "", "  ````sh", "  cat <<END", "  ```", "  END", "  ````")).toMatchObject([
    { line: 3, commands: "cat <<END\n```\nEND" },
  ]);
});

test("a block that is not run keeps its reason and may show an output", () => {
  expect(
    steps(
      "<!-- not run: needs a cluster -->",
      "```sh",
      "kubectl get pods",
      "```",
      "<!-- output -->",
      "```text",
      "x",
      "```",
    ),
  ).toEqual([{ line: 2, commands: "kubectl get pods", notRun: "needs a cluster", special: [], output: "x" }]);
});

test("a mark that the prose speaks of is none, and a picture needs no language", () => {
  expect(steps("write `<!-- not run: reason -->` or", "```", "a ──▶ b", "```")).toEqual([]);
});

test("commands before a block are the reader's no concern, but run", () => {
  expect(steps("<!-- before: sleep 0 -->", "```sh", "true", "```")).toMatchObject([{ before: "sleep 0" }]);
});

test("special commands are taken out, alone or between others", () => {
  expect(withoutSpecial("npm ci && npm start")).toEqual({ commands: "", found: ["npm ci", "npm start"] });
  expect(withoutSpecial("cd x && npm ci && ls\nnpm test   # all of it\necho 1 && echo 2")).toEqual({
    commands: "cd x && ls\n\necho 1 && echo 2",
    found: ["npm ci", "npm test"],
  });
  expect(withoutSpecial("npm start &\necho 1 &")).toEqual({ commands: "echo 1 &", found: ["npm start"] });
  expect(withoutSpecial("npm start --help").found).toEqual([]);
  for (const meaning of Object.values(specialCommands)) expect(meaning).toMatch(/^not run: ./);
});

test.each([
  ["a block that is not closed", ["```sh", "true"], "line 1: the block is not closed"],
  ["a block without a reason", ["<!-- not run -->", "```sh", "true", "```"], "line 1: not a mark"],
  ["a block with an empty reason", ["<!-- not run: -->", "```sh", "true", "```"], "line 1: not a mark"],
  ["a mark that precedes no block", ["<!-- output -->", "", "```text", "```"], "line 1: the mark precedes no block"],
  ["a mark that is misspelt", ["<!-- not-run: x -->", "```sh", "true", "```"], "line 1: not a mark"],
  ["an output of nothing", ["<!-- output -->", "```text", "1", "```"], "line 2: no shell block precedes"],
  [
    "a mark on a block of another language",
    ["<!-- not run: x -->", "```json", "{}", "```"],
    "line 2: only shell blocks",
  ],
  ["another name of the shell", ["```console", "$ true", "```"], 'line 1: commands are written as "sh"'],
  ["a command without a language", ["```", "A=1 curl x", "```"], 'line 1: commands are written as "sh"'],
])("%s is a fault with its line", (_name, lines, message) => {
  expect(() => steps(...lines)).toThrow(message);
});
