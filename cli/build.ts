import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin, transform } from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { endpoints } from "../shared/api/endpoints.ts";

const root = join(import.meta.dirname, "..");
const directory = join(root, "dist", "cli");
/** Found in node_modules at run time, beside the bundles. */
const serverSide = "./server.mjs";

/** The client needs of an endpoint what stands in the table, and not the rules that check its inputs. */
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

/** The parser can start other programs, which ours never does: it need not load what that takes. */
const noChildProcess: Plugin = {
  name: "no-child-process",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:child_process$/ }, () => ({ path: "child_process", namespace: "nothing" }));
    onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {}" }));
  },
};

/** What serves is a bundle of its own, so that a client never reads it. */
const apartServer: Plugin = {
  name: "server-apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/server-side\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: serverSide, external: true } : undefined,
    );
  },
};

/** What the client's file starts with: a line for the shell, and one for people whose Node is too old for the rest. */
async function head(): Promise<string> {
  const check = await readFile(join(import.meta.dirname, "old-node.cjs"), "utf8");
  const needed = JSON.stringify(packageJson.engines.node.replace(">=", ""));
  const { code } = await transform(check, { minify: true, define: { NEEDED: needed } });
  return `#!/usr/bin/env node\n${code.trimEnd()}`;
}

/**
 * Builds the command line into `dist/cli`: one CommonJS file for everything that a client does, which starts faster than
 * a module, and one module for what runs a server, whose packages stay in node_modules.
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
      plugins: [plainTable, apartServer, noChildProcess],
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
