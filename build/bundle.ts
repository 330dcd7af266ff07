import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { type DeployableFunction, root } from "./functions.ts";
import { lean } from "./lean.ts";
import { selfCompiling, shiftedMap } from "./self-compiling.ts";

/** The runtimes that have bundles of their own. */
export const targets = ["server", "lambda"] as const;
export type Target = (typeof targets)[number];

/** What a bundle starts with: the function, and the adapter of its runtime. */
function entryText({ kind, file }: DeployableFunction, target: Target): string {
  const lines = [`import fn from "./${file}";`, 'import health from "./functions/meta/health.ts";'];
  switch (`${kind} ${target}` as const) {
    case "http server":
      // Every process answers for its own health; the health function is itself already.
      lines.push('import { runServer } from "./shared/runtime/server.ts";', "runServer([...new Set([fn, health])]);");
      break;
    case "background server":
      lines.push(
        'import { runBackgroundServer } from "./shared/runtime/background-server.ts";',
        "runBackgroundServer(fn, [health]);",
      );
      break;
    case "http lambda":
      lines.push(
        'import { lambdaHandler } from "./shared/runtime/lambda.ts";',
        "export const handler = lambdaHandler(fn);",
      );
      break;
    case "background lambda":
      lines.push(
        'import { backgroundLambdaHandler } from "./shared/runtime/background-lambda.ts";',
        "export const handler = backgroundLambdaHandler(fn);",
      );
  }
  return lines.join("\n");
}

const entryScheme = "entry:";

/** Entries exist only in memory: they follow from the functions' definitions. */
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

/** Bundles every function for one runtime into `<directory>/<target>/<name>.cjs`, each file complete in itself. */
export async function bundle(
  functions: readonly DeployableFunction[],
  target: Target,
  directory: string,
): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: functions.map(({ name }) => ({ in: entryScheme + name, out: name })),
    outdir: join(directory, target),
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node22",
    // CommonJS loads about a tenth faster than the same as ESM, and V8's compile cache serves it whole.
    format: "cjs",
    minify: true,
    sourcemap: target === "server" ? "external" : true,
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [entries(functions, target), lean(target)],
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
