import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadConfig, variables } from "../shared/config.ts";
import { createLogger } from "../shared/logger.ts";
import { maskUrl } from "../shared/mask.ts";
import { startDevelopment } from "./development.ts";
import { startLocalServer } from "./server.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Options of a server in this process. */
export interface RunOptions {
  readonly environment: Environment;
  /** Stops the server. */
  readonly signal: AbortSignal;
  /** The arguments of Node that start this process again, for `DMS_CLI_RELOAD`. */
  readonly command: readonly string[];
  /** Prints a text for the user. */
  readonly print: (text: string) => void;
}

/** Runs the local server until the signal aborts; starts Redis and a scheduler if none is configured. */
export async function runDevelopment({ environment, signal, command, print }: RunOptions): Promise<number> {
  if (loadConfig(environment).reload) return restartOnChange(command, environment, signal);
  const development = await startDevelopment(environment, process.cwd());
  print(development.banner);
  await aborted(signal);
  print("\nStopping");
  await development.stop();
  return 0;
}

/** Runs the local server on the configured Redis and scheduler until the signal aborts. */
export async function runServer({ environment, signal, command, print }: RunOptions): Promise<number> {
  const config = loadConfig(environment);
  if (config.reload) return restartOnChange(command, environment, signal);
  const server = await startLocalServer(config, createLogger(config));
  print(
    `${config.appName} listens on ${server.address}${config.apiPrefix}, with Redis ${maskUrl(config.redisWriteUrl)} ` +
      `and scheduler ${maskUrl(config.schedulerBaseUrl)}`,
  );
  await aborted(signal);
  await server.stop();
  return 0;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/**
 * Runs the command in Node's watch mode: when a source file changes, the old process finishes work in flight as on
 * SIGTERM, and a new one starts.
 */
async function restartOnChange(
  command: readonly string[],
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(process.execPath, ["--watch", "--watch-preserve-output", ...command], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...environment, [variables.reload.name]: "false" },
    // A separate process group: Ctrl-C reaches the child from here, once, and not also from the terminal.
    detached: true,
  });
  const ended = once(child, "exit");
  signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  await ended;
  return signal.aborted ? 0 : (child.exitCode ?? 1);
}
