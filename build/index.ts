import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { bundle } from "./bundle.ts";
import { type DeployableFunction, findFunctions, routePath } from "./functions.ts";
import { type Target, targets } from "./target.ts";

/** A function in `functions.json`, which deployments and tests read. */
export interface BuiltFunction {
  readonly name: string;
  readonly kind: "http" | "background";
  /** With the API prefix and `{braces}`; none for a background function. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Bundles, relative to the project root. */
  readonly server: string;
  readonly lambda: string;
}

export interface Built {
  readonly functions: readonly BuiltFunction[];
  readonly metafiles: Readonly<Record<Target, Metafile>>;
}

/** Builds every function into `directory`: bundles with source maps for each runtime, and `functions.json`. */
export async function buildFunctions(directory: string): Promise<Built> {
  const found = await findFunctions();
  await mkdir(directory, { recursive: true });
  await Promise.all(targets.map((target) => rm(join(directory, target), { recursive: true, force: true })));
  const [server, lambda] = await Promise.all([bundle(found, "server", directory), bundle(found, "lambda", directory)]);
  const functions = found.map(listed);
  await writeFile(join(directory, "functions.json"), `${JSON.stringify(functions, null, 2)}\n`);
  return { functions, metafiles: { server, lambda } };
}

function listed({ name, kind, endpoint }: DeployableFunction): BuiltFunction {
  return {
    name,
    kind,
    routes: endpoint ? [{ method: endpoint.method, path: routePath(endpoint) }] : [],
    server: `dist/server/${name}.cjs`,
    lambda: `dist/lambda/${name}.cjs`,
  };
}
