import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { variables } from "../shared/config.ts";
import { startDependencies } from "./dependencies.ts";
import { createPrinter } from "./printer.ts";
import { abortOnSignal, reportError } from "./signals.ts";

/** The entry of `npm run offline`: serverless-offline on port 3000, or on `--httpPort`. */
async function main(signal: AbortSignal): Promise<void> {
  const root = join(import.meta.dirname, "..");
  if (!existsSync(join(root, "dist", "functions.json"))) {
    throw new Error("no bundles found: run `npm run build` first");
  }
  const dependencies = await startDependencies(process.env, process.cwd());
  try {
    if (signal.aborted) return;
    const host = dependencies.environment[variables.host.name] ?? variables.host.default;
    const child = spawn(
      join(root, "node_modules", ".bin", "serverless"),
      ["offline", "start", "--stage", "offline", "--host", host, ...process.argv.slice(2)],
      {
        cwd: root,
        stdio: "inherit",
        // Nothing is sent to AWS, but its client requires credentials.
        env: { AWS_ACCESS_KEY_ID: "offline", AWS_SECRET_ACCESS_KEY: "offline", ...dependencies.environment },
        detached: true,
      },
    );
    const exited = once(child, "exit");
    // A second Ctrl-C ends this process without waiting for the child.
    process.once("exit", () => child.kill());
    createPrinter(1)(dependencies.lines.join("\n"));
    await Promise.race([once(signal, "abort"), exited]);
    child.kill("SIGTERM");
    const [code] = await exited;
    if (!signal.aborted) process.exitCode = code ?? 1;
  } finally {
    await dependencies.stop();
  }
}

await main(abortOnSignal()).catch(reportError);
