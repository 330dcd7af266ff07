import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readPage } from "./support/block.ts";
import { unreadableBlocks } from "./support/data-block.ts";
import { documents, root } from "./support/documents.ts";
import { runDocument } from "./support/run-document.ts";
import { specialCommands } from "./support/special.ts";
import { readSteps } from "./support/step.ts";

const pages = await Promise.all(
  (await documents()).map(async (path) => ({ path, text: await readFile(join(root, path), "utf8") })),
);

/** Transfers of the development scheduler take seconds: as many documents wait for theirs at once. */
const atOnce = 3;

test("the shell blocks of every document run, and print what it shows", { timeout: 180_000 }, async () => {
  const faults: Record<string, string[]> = {};
  const waiting = [...pages];
  const work = async () => {
    for (let page = waiting.shift(); page; page = waiting.shift()) faults[page.path] = await runDocument(page.text);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  expect(faults).toEqual(Object.fromEntries(pages.map(({ path }) => [path, []])));
});

test.each(pages)("the data in $path can be read", ({ text }) => {
  expect(unreadableBlocks(readPage(text).blocks)).toEqual([]);
});

test("data that cannot be read are found", () => {
  const page = ["json", "yaml"].flatMap((language) => [`\`\`\`${language}`, "a: [1", "```"]);
  expect(unreadableBlocks(readPage(page.join("\n")).blocks)).toEqual([
    expect.stringMatching(/^line 1: /),
    expect.stringMatching(/^line 4: /),
  ]);
});

/** What is not run is listed, with the reasons. */
afterAll(() => {
  const lines = pages.flatMap(({ path, text }) =>
    readSteps(readPage(text).blocks).flatMap(({ line, notRun, special }) => [
      ...(notRun === undefined ? [] : [`${path}:${line}: not run: ${notRun}`]),
      ...special.map((command) => `${path}:${line}: ${command}: ${specialCommands[command]}`),
    ]),
  );
  process.stdout.write(`shell blocks of the documents that are not run as they are\n${lines.join("\n")}\n`);
});
