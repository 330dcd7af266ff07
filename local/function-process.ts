import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { variables } from "../shared/config.ts";
import { freePort } from "./redis-server.ts";
import type { Environment } from "./surroundings.ts";

/** A function's bundle as a process of its own on loopback. */
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
  /** Takes every process that is started, also one that never answers, for the caller to end. */
  readonly children: Set<ChildProcess>;
  /** Told every line that the process writes, and of an end that nobody has asked for. */
  readonly onLine: ((name: string, line: string) => void) | undefined;
  /** Aborted: start nothing more. */
  readonly signal: AbortSignal;
}

/** A port that was free may be taken by the time at which a process listens. */
const maxAttempts = 3;

/**
 * Starts a process and resolves when it answers.
 * @throws Error when it ends instead, several times over, and the signal's reason when that aborts
 */
export async function startFunctionProcess(options: FunctionProcessOptions): Promise<FunctionProcess> {
  const { name, children, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    signal.throwIfAborted();
    const child = spawnFunction(options, port);
    children.add(child);
    if (await answers(child, port, signal)) return { name, port, child };
    if (attempt === maxAttempts) throw new Error(`the process of ${name} has ended with ${endOf(child)}`);
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
    // Ctrl-C reaches us first, and we stop the processes in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => onLine?.(name, line));
  }
  child.on("exit", () => {
    if (!child.killed) onLine?.(name, `the process has ended with ${endOf(child)}`);
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

/** Asks a process to end; resolves when it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (endOf(child) !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

/** The signal or code by which a process has ended; `null` while it runs. */
function endOf({ exitCode, signalCode }: ChildProcess): NodeJS.Signals | number | null {
  return signalCode ?? exitCode;
}
