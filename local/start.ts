import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadConfig, variables } from "../shared/config.ts";
import { startDevelopment } from "./development.ts";

/** The entry of `npm start`. */
async function main(): Promise<void> {
  if (loadConfig(process.env).reload) return restartOnChange();
  const development = await startDevelopment(process.env, process.cwd());
  process.stdout.write(`${development.banner}\n`);
  const signal = await firstSignal();
  process.stdout.write(`\n${signal}: stopping\n`);
  await development.stop();
}

/** Resolves with the first request to end; a second one ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
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

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
