import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../shared/config.ts";
import { bannerOf } from "./development.ts";
import { startFunctions } from "./functions.ts";
import { firstSignal, tellFault } from "./signals.ts";
import { startSurroundings } from "./surroundings.ts";

/** The entry of `npm run start:functions`. */
async function main(): Promise<void> {
  const root = join(import.meta.dirname, "..");
  const dist = join(root, "dist");
  if (!existsSync(join(dist, "functions.json"))) throw new Error("There are no bundles yet: run `npm run build` first");
  const surroundings = await startSurroundings(process.env, process.cwd());
  try {
    const { host, port, apiPrefix } = loadConfig(surroundings.environment);
    const functions = await startFunctions({
      environment: surroundings.environment,
      dist,
      manifests: ["routes.yaml", "gateway.yaml"].map((file) => join(root, "knative", "base", file)),
      host,
      port,
      onLine: (name, line) => process.stdout.write(`${name.padEnd(28)}${line}\n`),
    });
    const lines = [`${functions.processes.size} functions, each a process, behind ${functions.address}`];
    const api = `http://localhost:${new URL(functions.address).port}${apiPrefix}`;
    process.stdout.write(`${bannerOf([...lines, ...surroundings.lines], api)}\n`);
    const signal = await firstSignal();
    process.stdout.write(`\n${signal}: stopping\n`);
    await functions.stop();
  } finally {
    await surroundings.stop();
  }
}

await main().catch(tellFault);
