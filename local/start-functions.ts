import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../shared/config.ts";
import { createLogOutput } from "../shared/log-output.ts";
import { startDependencies } from "./dependencies.ts";
import { bannerOf } from "./development.ts";
import { startFunctions } from "./functions.ts";
import { abortOnSignal, reportError } from "./signals.ts";

/** The entry of `npm run start:functions`. */
async function main(signal: AbortSignal): Promise<void> {
  const root = join(import.meta.dirname, "..");
  const output = createLogOutput();
  output.onDropped((count) => output.write(`${count} lines were dropped: nobody read them, or the disk was full\n`));
  const dist = join(root, "dist");
  if (!existsSync(join(dist, "functions.json"))) throw new Error("no bundles found: run `npm run build` first");
  const dependencies = await startDependencies(process.env, process.cwd());
  try {
    const { host, port, apiPrefix } = loadConfig(dependencies.environment);
    const functions = await startFunctions({
      environment: dependencies.environment,
      dist,
      manifests: ["routes.yaml", "gateway.yaml"].map((file) => join(root, "knative", "base", file)),
      host,
      port,
      signal,
      onLine: (name, line) => output.write(`${name.padEnd(28)}${line}\n`),
    });
    const lines = [`${functions.processes.length} functions in separate processes behind ${functions.address}`];
    const api = `http://localhost:${new URL(functions.address).port}${apiPrefix}`;
    output.write(`${bannerOf([...lines, ...dependencies.lines], api)}\n`);
    if (!signal.aborted) await once(signal, "abort");
    output.write(`\n${signal.reason}: stopping\n`);
    await functions.stop();
  } finally {
    await dependencies.stop();
  }
}

const signal = abortOnSignal();
await main(signal).catch((error) => {
  if (error !== signal.reason) reportError(error);
});
