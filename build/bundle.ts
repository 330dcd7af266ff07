import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { type DeployableFunction, root } from "./functions.ts";
import { lean } from "./lean.ts";
import { patched } from "./patches.ts";
import { selfCompiling, shiftedMap } from "./self-compiling.ts";
import type { Target } from "./target.ts";

/** The adapter of each runtime and its call; its result is exported when the runtime needs it. */
const adapters = {
  // Every process serves its own health; the health function already does.
  "http server": { file: "server", call: "runServer([...new Set([fn, health])], process.env)" },
  "background server": { file: "background/server", call: "runBackgroundServer(fn, [health], process.env)" },
  "http lambda": { file: "lambda", call: "lambdaHandler(fn, process.env)" },
  "background lambda": { file: "background/lambda", call: "backgroundLambdaHandler(fn, process.env)" },
} as const;

/** The entry of a bundle: the function and the adapter of its runtime. */
function entryText({ kind, file }: DeployableFunction, target: Target): string {
  const adapter = adapters[`${kind} ${target}`];
  const from = (path: string) => `from ${JSON.stringify(`./${path}`)};`;
  return [
    `import fn ${from(file)}`,
    `import health ${from("functions/meta/health.ts")}`,
    `import { ${adapter.call.split("(", 1)} } ${from(`shared/runtime/${adapter.file}.ts`)}`,
    target === "lambda" ? `export const handler = ${adapter.call};` : `${adapter.call};`,
  ].join("\n");
}

const entryScheme = "entry:";

/** Entries exist only in memory; they are generated from the functions' definitions. */
function entries(functions: readonly DeployableFunction[], target: Target): Plugin {
  return {
    name: "entries",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice(entryScheme.length), namespace: "entry" }));
      onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => {
        const fn = functions.find(({ name }) => name === path);
        return fn ? { contents: entryText(fn, target), loader: "ts", resolveDir: root } : undefined;
      });
    },
  };
}

/**
 * Bundles every function for one runtime into `<directory>/<target>/<name>.cjs`; each file is self-contained.
 * @param changes the plugins that change dependencies
 */
export async function bundle(
  functions: readonly DeployableFunction[],
  target: Target,
  directory: string,
  changes: readonly Plugin[] = [lean(target), patched()],
): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: functions.map(({ name }) => ({ in: entryScheme + name, out: name })),
    outdir: join(directory, target),
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node22",
    // CommonJS loads about a tenth faster than ESM, and V8's compile cache covers all of it.
    format: "cjs",
    minify: true,
    // Node prints the whole line of an uncaught error.
    lineLimit: 240,
    sourcemap: target === "server" ? "external" : true,
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [entries(functions, target), ...changes],
  });
  await mkdir(join(directory, target), { recursive: true });
  await Promise.all(
    outputFiles.map(({ path, text }) => writeFile(path, target === "server" ? finish(path, text) : text)),
  );
  return metafile;
}

function finish(path: string, text: string): string {
  return path.endsWith(".map") ? shiftedMap(text) : selfCompiling(path, text);
}
