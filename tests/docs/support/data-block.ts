import { parseAllDocuments } from "yaml";
import type { Block } from "./block.ts";

/** How blocks of data are read. Code may be an excerpt. */
const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  json: (text) => JSON.parse(text),
  yaml: readYaml,
  yml: readYaml,
};

/**
 * What keeps the data of a page from being read, with its line. Outputs are compared as what they are, and may
 * be cut short.
 */
export function unreadableBlocks(blocks: readonly Block[]): string[] {
  const faults: string[] = [];
  for (const { line, language, text, mark } of blocks) {
    try {
      if (mark.kind !== "output") parsers[language]?.(text);
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
