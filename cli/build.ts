import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin, transform } from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { endpoints } from "../shared/api/endpoints.ts";

const root = join(import.meta.dirname, "..");
const directory = join(root, "dist", "cli");
/** Found in node_modules at run time, beside the bundles. */
const serverSide = "./server.mjs";

/** The client needs the data of the endpoint table, but not the rules that check inputs. */
const plainTable: Plugin = {
  name: "plain-endpoint-table",
  setup({ onLoad }) {
    onLoad({ filter: /shared\/api\/endpoints\.ts$/ }, () => ({
      contents: `export const endpoints = ${JSON.stringify(plainEndpoints())}`,
      loader: "js",
    }));
  },
};

function plainEndpoints(): object {
  const named = (inputs: object) => Object.fromEntries(Object.keys(inputs).map((name) => [name, true]));
  return Object.fromEntries(
    Object.entries(endpoints).map(([name, endpoint]) => [
      name,
      { ...endpoint, pathInputs: named(endpoint.pathInputs), queryInputs: named(endpoint.queryInputs) },
    ]),
  );
}

/** commander can start other programs. This command line never does, so it need not load the module. */
const noChildProcess: Plugin = {
  name: "no-child-process",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:child_process$/ }, () => ({ path: "child_process", namespace: "nothing" }));
    onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {}" }));
  },
};

/** The server is a separate bundle, so that client commands never load it. */
const separateServer: Plugin = {
  name: "server-apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/server-side\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: serverSide, external: true } : undefined,
    );
  },
};

/** The first lines of the client's file: the interpreter, and the check of the Node version. */
async function head(): Promise<string> {
  const check = await readFile(join(import.meta.dirname, "old-node.cjs"), "utf8");
  const needed = JSON.stringify(packageJson.engines.node.replace(">=", ""));
  const { code } = await transform(check, { minify: true, define: { NEEDED: needed } });
  return `#!/usr/bin/env node\n${code.trimEnd()}`;
}

/**
 * Builds the command line into `dist/cli`: one CommonJS file for all client commands, which starts faster than an ES
 * module, and one ES module for the server, whose packages stay in node_modules.
 */
export async function buildCli(): Promise<void> {
  await Promise.all([
    build({
      entryPoints: [join(root, "cli/main.ts")],
      outfile: join(directory, "dms-frontend.cjs"),
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node22",
      minify: true,
      keepNames: true,
      banner: { js: await head() },
      plugins: [plainTable, separateServer, noChildProcess],
      logLevel: "warning",
    }),
    build({
      entryPoints: [join(root, "cli/service/server-side.ts")],
      outfile: join(directory, serverSide),
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      target: "node22",
      logLevel: "warning",
    }),
  ]);
  await chmod(join(directory, "dms-frontend.cjs"), 0o755);
}

if (import.meta.main) await buildCli();
