import { basename } from "node:path";
import type { Metafile } from "esbuild";
import { type Target, targets } from "./target.ts";

/** Number of listed parts of a bundle. */
const shownParts = 5;

/** A text table of bundle sizes in KB, with the largest parts of each bundle. */
export function sizeReport(metafiles: Readonly<Record<Target, Metafile>>): string {
  return targets
    .map((target) => {
      const outputs = Object.entries(metafiles[target].outputs).filter(([file]) => file.endsWith(".cjs"));
      const lines = outputs.map(([file, { bytes, inputs }]) => {
        return `  ${basename(file).padEnd(32)}${kilobytes(bytes).padStart(5)}  ${largest(inputs)}`;
      });
      return [`${target} bundles, KB minified`, ...lines, ""].join("\n");
    })
    .join("\n");
}

function largest(inputs: Metafile["outputs"][string]["inputs"]): string {
  const parts = new Map<string, number>();
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const part = partOf(file);
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
  return [...parts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, shownParts)
    .map(([part, bytes]) => `${part} ${kilobytes(bytes)}`)
    .join(", ");
}

/** The package of a file, or `ours`. */
function partOf(file: string): string {
  const parts = file.split("node_modules/");
  if (parts.length === 1) return "ours";
  const [scope = "", name = ""] = (parts.at(-1) ?? "").split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

function kilobytes(bytes: number): string {
  return String(Math.round(bytes / 1000));
}
