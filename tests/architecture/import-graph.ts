import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

export const root = resolve(import.meta.dirname, "../..");

/** The files of the project and what each imports, types included, as TypeScript resolves it. Paths from the root. */
export interface ImportGraph {
  readonly files: readonly string[];
  importsOf(file: string): readonly string[];
}

const run = promisify(execFile);
/** Folders whose files are not ours, or made from ours. */
const foreign = /^(\.\.|\/|node_modules\/|dist\/)/;

/** Asks the compiler why each file is part of the project. */
export async function readImportGraph(): Promise<ImportGraph> {
  const compiler = join(root, "node_modules/.bin/tsc");
  const { stdout } = await run(compiler, ["--noEmit", "--noCheck", "--explainFiles"], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  return parseExplanation(stdout);
}

/** Reads the compiler's explanation: each file's path, and below it, indented, where it is imported. */
export function parseExplanation(text: string): ImportGraph {
  const imports = new Map<string, Set<string>>();
  let target = "";
  for (const line of text.split("\n")) {
    if (!line.startsWith(" ")) {
      target = line.trim();
      if (target !== "" && !foreign.test(target)) imports.set(target, imports.get(target) ?? new Set());
      continue;
    }
    const [, importer] = /^\s+Imported via .* from file '([^']+)'/.exec(line) ?? [];
    if (importer === undefined || foreign.test(importer) || foreign.test(target)) continue;
    const known = imports.get(importer) ?? new Set();
    imports.set(importer, known.add(target));
  }
  return { files: [...imports.keys()].sort(), importsOf: (file) => [...(imports.get(file) ?? [])] };
}

/** Groups of files that import each other in a circle, by Tarjan's algorithm for strongly connected components. */
export function importCircles({ files, importsOf }: ImportGraph): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    low.set(file, number);
    path.push(file);
    for (const target of importsOf(file)) {
      if (!order.has(target)) low.set(file, Math.min(low.get(file) ?? 0, visit(target)));
      else if (path.includes(target)) low.set(file, Math.min(low.get(file) ?? 0, order.get(target) ?? 0));
    }
    if (low.get(file) === number) {
      const circle = path.splice(path.indexOf(file));
      if (circle.length > 1 || importsOf(file).includes(file)) circles.push(circle.sort());
    }
    return low.get(file) ?? 0;
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return circles;
}
