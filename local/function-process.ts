import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { variables } from "../shared/config.ts";
import type { Environment } from "./dependencies.ts";
import { freePort } from "./redis-server.ts";

/** A function's bundle in its own process on loopback. */
export interface FunctionProcess {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

export interface FunctionProcessOptions {
  readonly name: string;
  /** The server bundle. */
  readonly bundle: string;
  readonly environment: Environment;
  /** Receives every started process, also one that never answers, so that the caller can stop it. */
  readonly children: Set<ChildProcess>;
  /** Receives every line that the process writes, and a line when it ends unexpectedly. */
  readonly onLine: ((name: string, line: string) => void) | undefined;
  /** The port on which it listens. @default a free one */
  readonly port?: number;
  /** Aborted: no further process is started. */
  readonly signal: AbortSignal;
}

/** Another program may take a free port before the process listens on it. */
const maxAttempts = 3;

/**
 * Starts a process and resolves when it answers.
 * @throws Error when it repeatedly ends instead, and the signal's reason when the signal aborts
 */
export async function startFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess> {
  const { name, children, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    signal.throwIfAborted();
    const child = spawnFunction(options, port);
    children.add(child);
    if (await answers(child, port, signal)) return { name, port, child };
    if (attempt === maxAttempts) throw new Error(`the process of ${name} ended with ${endOf(child)}`);
  }
}

/** Delay before an ended process is started again, in ms; doubles with each attempt, up to the longest. */
const restartDelay = { first: 200, longest: 5000 };

/** Starts a process again until it answers; `undefined` when the signal aborts before. */
export async function restartFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess | undefined> {
  const { name, signal, onLine } = options;
  let delay = restartDelay.first;
  for (;;) {
    try {
      await pause(delay, undefined, { signal });
      const started = await startFunctionProcess(options);
      onLine?.(name, "the process was started again");
      return started;
    } catch {
      if (signal.aborted) return undefined;
      delay = Math.min(2 * delay, restartDelay.longest);
    }
  }
}

function spawnFunction({ name, bundle, environment, onLine }: FunctionProcessOptions, port: number): ChildProcess {
  const child = spawn(process.execPath, [bundle], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...environment,
      [variables.functionPort.name]: String(port),
      [variables.host.name]: "127.0.0.1",
      [variables.knativeService.name]: name,
    },
    // Ctrl-C must not reach the children, which are stopped in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => onLine?.(name, line));
  }
  child.on("exit", () => {
    if (!child.killed) onLine?.(name, `the process ended with ${endOf(child)}`);
  });
  return child;
}

/** True when the process answers, false when it has ended instead. */
async function answers(child: ChildProcess, port: number, signal: AbortSignal): Promise<boolean> {
  while (endOf(child) === null) {
    signal.throwIfAborted();
    const alive = await fetch(`http://127.0.0.1:${port}/livez`, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (alive && endOf(child) === null) return true;
    await pause(10);
  }
  return false;
}

/** Stops a process; resolves when it has exited. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (endOf(child) !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** The signal or exit code of an ended process; `null` while it runs. */
function endOf({ exitCode, signalCode }: ChildProcess): NodeJS.Signals | number | null {
  return signalCode ?? exitCode;
}
