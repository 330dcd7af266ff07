import { dirname, join, normalize } from "node:path";
import { readPage } from "./block.ts";
import { anchorsOf } from "./slug.ts";

/** What a check of links knows of the project. Paths are relative to its root. */
export interface Project {
  /** Whether there is such a file or folder. */
  exists(path: string): boolean;
  /** The text of a page, if it is one. */
  read(path: string): string | undefined;
}

const inline = /\]\(\s*<?([^)\s>]*)>?(?:\s+"[^"]*")?\s*\)/g;
const definition = /^ {0,3}\[[^\]^][^\]]*\]:\s*<?(\S+?)>?(?:\s|$)/;
const code = /(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g;
const elsewhere = /^(?:https?|mailto):/;

/** The links of a page that lead nowhere, each with its line and the reason. Links to other sites are not followed. */
export function brokenLinks(path: string, { exists, read }: Project): string[] {
  const { prose } = readPage(read(path) ?? "");
  const faults: string[] = [];
  prose.forEach((line, index) => {
    for (const target of targetsIn(line)) {
      const fault = elsewhere.test(target) ? undefined : faultOf(target);
      if (fault !== undefined) faults.push(`${path}:${index + 1}: ${target}: ${fault}`);
    }
  });
  return faults;

  function faultOf(target: string): string | undefined {
    const [file = "", anchor] = target.split("#");
    if (target === "") return "is empty";
    if (/^(?:[a-z][a-z+.-]*:|\/)/i.test(file)) return "is no relative path";
    const found = file === "" ? path : normalize(join(dirname(path), decodeURI(file)));
    if (found.startsWith("..")) return "is outside of the project";
    if (!exists(found)) return "does not exist";
    if (anchor === undefined) return undefined;
    const page = found.endsWith(".md") ? read(found) : undefined;
    if (page === undefined) return /^L\d+(?:-L\d+)?$/.test(anchor) ? undefined : "is no page with headings";
    return anchorsOf(readPage(page).prose).has(decodeURI(anchor)) ? undefined : "has no such heading";
  }
}

function targetsIn(line: string): string[] {
  const text = line.replaceAll(code, "");
  const [, defined] = definition.exec(text) ?? [];
  return [...[...text.matchAll(inline)].map(([, target = ""]) => target), ...(defined === undefined ? [] : [defined])];
}
