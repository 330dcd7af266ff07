import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readPage } from "./support/block.ts";
import { unreadableBlocks } from "./support/data-block.ts";
import { documents, root } from "./support/documents.ts";
import { runDocument } from "./support/run-document.ts";
import { specialCommands } from "./support/special.ts";
import { readSteps } from "./support/step.ts";

const pages = await Promise.all(
  (await documents()).map(async (path) => ({ path, text: await readFile(join(root, path), "utf8") })),
);

describe.each(pages)("$path", ({ text }) => {
  test("its shell blocks run, and print what it shows", { timeout: 120_000 }, async () => {
    expect(await runDocument(text)).toEqual([]);
  });

  test("its blocks of data and code can be read", async () => {
    expect(await unreadableBlocks(readPage(text).blocks)).toEqual([]);
  });
});

test("data and code that cannot be read are found", async () => {
  const page = ["json", "yaml", "ts"].flatMap((language) => [`\`\`\`${language}`, "a: [1", "```"]);
  expect(await unreadableBlocks(readPage(page.join("\n")).blocks)).toEqual([
    expect.stringMatching(/^line 1: /),
    expect.stringMatching(/^line 4: /),
    expect.stringMatching(/^line 7: /),
  ]);
});

/** What nobody has run is said, with its reason. */
afterAll(() => {
  const lines = pages.flatMap(({ path, text }) =>
    readSteps(readPage(text).blocks).flatMap(({ line, notRun, special }) => [
      ...(notRun === undefined ? [] : [`${path}:${line}: not run: ${notRun}`]),
      ...special.map((command) => `${path}:${line}: ${command}: ${specialCommands[command]}`),
    ]),
  );
  process.stdout.write(`shell blocks of the documents that are not run as they are\n${lines.join("\n")}\n`);
});
