import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { variables } from "../shared/config.ts";
import { abortOnSignal, reportError } from "./signals.ts";
import { startSurroundings } from "./surroundings.ts";

/** The entry of `npm run offline`: serverless-offline on port 3000, or on the one that `--httpPort` names. */
async function main(signal: AbortSignal): Promise<void> {
  const root = join(import.meta.dirname, "..");
  if (!existsSync(join(root, "dist", "functions.json"))) {
    throw new Error("There are no bundles yet: run `npm run build` first");
  }
  const surroundings = await startSurroundings(process.env, process.cwd());
  try {
    if (signal.aborted) return;
    const host = surroundings.environment[variables.host.name] ?? variables.host.default;
    const child = spawn(
      join(root, "node_modules", ".bin", "serverless"),
      ["offline", "start", "--stage", "offline", "--host", host, ...process.argv.slice(2)],
      {
        cwd: root,
        stdio: "inherit",
        // Nothing is sent to AWS; its client only wants to see credentials.
        env: { AWS_ACCESS_KEY_ID: "offline", AWS_SECRET_ACCESS_KEY: "offline", ...surroundings.environment },
        detached: true,
      },
    );
    const gone = once(child, "exit");
    // A second Ctrl-C ends us without waiting for it.
    process.once("exit", () => child.kill());
    process.stdout.write(`${surroundings.lines.join("\n")}\n`);
    await Promise.race([once(signal, "abort"), gone]);
    child.kill("SIGTERM");
    const [code] = await gone;
    if (!signal.aborted) process.exitCode = code ?? 1;
  } finally {
    await surroundings.stop();
  }
}

await main(abortOnSignal()).catch(reportError);
