import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { variables } from "../shared/config.ts";
import { readRouting } from "./gateway.ts";
import { freePort } from "./redis-server.ts";
import { createRouter } from "./router.ts";
import type { Environment } from "./surroundings.ts";

export interface FunctionsOptions {
  /** For every process; names Redis and scheduler. */
  readonly environment: Environment;
  /** Where `npm run build` has written to. */
  readonly dist: string;
  /** The files with the gateway's routes. */
  readonly manifests: readonly string[];
  /** Of the router; 0: a free one. */
  readonly port: number;
  readonly host: string;
  /** Told every line that a process writes. */
  readonly onLine?: (name: string, line: string) => void;
}

export interface Functions {
  /** The router's, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Each process by the name of its function. */
  readonly processes: ReadonlyMap<string, ChildProcess>;
  /** Stops the router, then every process; resolves when all are gone. Tolerates being called twice. */
  stop(): Promise<void>;
}

const builtFunctions = z.array(z.object({ name: z.string(), kind: z.enum(["http", "background"]) }));

/**
 * Starts every server bundle as a process of its own on loopback, behind a router that reads the gateway's manifest. The
 * dispatcher is rung by submissions, and by a schedule that stands for the cluster's.
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const functions = builtFunctions.parse(JSON.parse(readFileSync(join(options.dist, "functions.json"), "utf8")));
  const ports = new Map<string, number>();
  for (const { name } of functions) ports.set(name, await freePort());
  const bell = `http://127.0.0.1:${ports.get("dispatcher")}/`;
  const processes = new Map<string, ChildProcess>();
  const over = new AbortController();
  const router = createRouter(readRouting(options.manifests), (name) => ports.get(name));

  // A fault, or a second Ctrl-C, ends us without a stop.
  const abandon = () => {
    for (const child of processes.values()) child.kill();
  };
  process.once("exit", abandon);

  const stop = async () => {
    over.abort();
    router.close();
    router.closeAllConnections();
    await Promise.all([...processes.values()].map(end));
    process.off("exit", abandon);
  };
  try {
    for (const [name, port] of ports) processes.set(name, startProcess(name, port, bell, options));
    await Promise.all([...ports].map(([name, port]) => untilAlive(name, port, processes)));
    for (const { name, kind } of functions) {
      if (kind === "background") void ring(`http://127.0.0.1:${ports.get(name)}/`, schedules[name] ?? 600, over.signal);
    }
    router.listen(options.port, options.host);
    await once(router, "listening");
    const address = router.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return { address: `http://${options.host}:${port}`, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What PingSources do in the cluster, in seconds. */
const schedules: Readonly<Record<string, number>> = { dispatcher: 10, janitor: 600 };

async function ring(url: string, seconds: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(seconds * 1000, undefined, { signal, ref: false }).catch(() => {});
    if (!signal.aborted) await fetch(url, { method: "POST", signal }).catch(() => {});
  }
}

function startProcess(name: string, port: number, bell: string, options: FunctionsOptions): ChildProcess {
  const child = spawn(process.execPath, [join(options.dist, "server", `${name}.cjs`)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...options.environment,
      [variables.functionPort.name]: String(port),
      [variables.host.name]: "127.0.0.1",
      [variables.knativeService.name]: name,
      [variables.dispatcherUrl.name]: bell,
    },
    // Ctrl-C reaches us first, and we stop the processes in order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line !== "") options.onLine?.(name, line);
    });
  }
  return child;
}

async function untilAlive(name: string, port: number, processes: ReadonlyMap<string, ChildProcess>): Promise<void> {
  for (;;) {
    const child = processes.get(name);
    if (child && child.exitCode !== null) throw new Error(`the process of ${name} has ended with ${child.exitCode}`);
    const alive = await fetch(`http://127.0.0.1:${port}/livez`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (alive) return;
    await pause(10);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
