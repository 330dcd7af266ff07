import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

const prelude = readFileSync(join(import.meta.dirname, "prelude.cjs"), "utf8");
/** Number of lines before the code: the prelude, and the line that opens the comment. */
const linesBefore = prelude.split("\n").length;

/**
 * A bundle that compiles itself from its code cache, `<name>.cache` beside it, or without one like any other file. Node's
 * own compile cache keeps only what V8 compiles before the code runs, which is a sixth of it.
 * @param file the path of the bundle
 * @param source ASCII
 */
export function selfCompiling(file: string, source: string): string {
  const hidden = source.trimEnd().replaceAll("*/", "*\0/");
  return `${prelude}/*\n${hidden}\n*/\n//# sourceMappingURL=${basename(file)}.map\n`;
}

/** The source map of a self-compiling bundle. */
export function shiftedMap(map: string): string {
  const { mappings, ...rest } = JSON.parse(map) as { mappings: string };
  return JSON.stringify({ ...rest, mappings: ";".repeat(linesBefore) + mappings });
}
