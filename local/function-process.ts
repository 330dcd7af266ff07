import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { variables } from "../shared/config.ts";
import type { Environment } from "./surroundings.ts";

/** A function's bundle as a process of its own on loopback. */
export interface FunctionProcess {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

export interface FunctionProcessOptions {
  readonly name: string;
  readonly port: number;
  /** The server bundle. */
  readonly bundle: string;
  readonly environment: Environment;
  /** Told every line that the process writes, and of an end that nobody has asked for. */
  readonly onLine: ((name: string, line: string) => void) | undefined;
}

/** Starts a process; see {@link untilAlive} for when it answers. */
export function startFunctionProcess(options: FunctionProcessOptions): FunctionProcess {
  const { name, port, bundle, environment, onLine } = options;
  const child = spawn(process.execPath, [bundle], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...environment,
      [variables.functionPort.name]: String(port),
      [variables.host.name]: "127.0.0.1",
      [variables.knativeService.name]: name,
    },
    // Ctrl-C reaches us first, and we stop the processes in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => onLine?.(name, line));
  }
  child.on("exit", (code, signal) => {
    if (!child.killed) onLine?.(name, `the process has ended with ${signal ?? code}`);
  });
  return { name, port, child };
}

/**
 * Resolves when the process answers.
 * @throws Error when it has ended instead, and when the signal aborts
 */
export async function untilAlive({ name, port, child }: FunctionProcess, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (hasEnded(child)) throw new Error(`the process of ${name} has ended with ${child.signalCode ?? child.exitCode}`);
    const alive = await fetch(`http://127.0.0.1:${port}/livez`, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (alive) return;
    await pause(10);
  }
}

/** Asks a process to end; resolves when it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
