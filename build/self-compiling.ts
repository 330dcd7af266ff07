import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

const prelude = readFileSync(join(import.meta.dirname, "prelude.cjs"), "utf8");
/** The lines before the code: the prelude's, and the one that opens the comment. */
const linesBefore = prelude.split("\n").length;

/**
 * A bundle that compiles itself from a code cache, `<name>.cache` beside it, and without one as any other file. Node's own
 * compile cache keeps only what V8 compiles before it runs anything, which is a sixth of it.
 * @param file where the bundle is going to be
 * @param source ASCII
 */
export function selfCompiling(file: string, source: string): string {
  const hidden = source.trimEnd().replaceAll("*/", "*\0/");
  return `${prelude}/*\n${hidden}\n*/\n//# sourceMappingURL=${basename(file)}.map\n`;
}

/** The source map of such a bundle. */
export function shiftedMap(map: string): string {
  const { mappings, ...rest } = JSON.parse(map) as { mappings: string };
  return JSON.stringify({ ...rest, mappings: ";".repeat(linesBefore) + mappings });
}
