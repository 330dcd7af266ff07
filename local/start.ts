import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadConfig, variables } from "../shared/config.ts";
import { startDevelopment } from "./development.ts";
import { firstSignal, tellFault } from "./signals.ts";

/** The entry of `npm start`. */
async function main(): Promise<void> {
  if (loadConfig(process.env).reload) return restartOnChange();
  const development = await startDevelopment(process.env, process.cwd());
  process.stdout.write(`${development.banner}\n`);
  const signal = await firstSignal();
  process.stdout.write(`\n${signal}: stopping\n`);
  await development.stop();
}

/** Runs this file under Node's own watch mode, which restarts it when a source file changes. */
async function restartOnChange(): Promise<void> {
  const child = spawn(process.execPath, ["--watch", "--watch-preserve-output", import.meta.filename], {
    stdio: "inherit",
    env: { ...process.env, [variables.reload.name]: "false" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  process.exitCode = code ?? 1;
}

await main().catch(tellFault);
