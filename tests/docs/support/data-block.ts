import { transform } from "esbuild";
import { parseAllDocuments } from "yaml";
import type { Block } from "./block.ts";

type Parse = (text: string) => unknown;

/** How blocks of each language that is not run are at least read. */
const parsers: Readonly<Record<string, Parse>> = {
  json: (text) => JSON.parse(text),
  yaml: readYaml,
  yml: readYaml,
  ts: readTypeScript,
  js: readTypeScript,
};

/**
 * What keeps the data and code of a page from being read, with its line. Outputs are compared as what they are, and may
 * be cut short.
 */
export async function unreadableBlocks(blocks: readonly Block[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { line, language, text, mark } of blocks) {
    try {
      if (mark.kind !== "output") await parsers[language]?.(text);
    } catch (error) {
      faults.push(`line ${line}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return faults;
}

function readYaml(text: string): void {
  for (const { errors } of parseAllDocuments(text)) {
    if (errors[0]) throw errors[0];
  }
}

function readTypeScript(text: string): Promise<unknown> {
  return transform(text, { loader: "ts", format: "esm", logLevel: "silent" });
}
