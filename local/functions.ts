import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { variables } from "../shared/config.ts";
import { endProcess, type FunctionProcess, startFunctionProcess } from "./function-process.ts";
import { readRouting } from "./gateway.ts";
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
  /** Aborted during the start: everything that has been started is ended. @default never */
  readonly signal?: AbortSignal;
  /** Told every line that a process writes. */
  readonly onLine?: (name: string, line: string) => void;
}

export interface Functions {
  /** The router's, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** One for each function. */
  readonly processes: readonly FunctionProcess[];
  /** Stops the router, then every process; resolves when all are gone. Tolerates being called twice. */
  stop(): Promise<void>;
}

const builtFunctions = z.array(z.object({ name: z.string(), kind: z.enum(["http", "background"]) }));

/**
 * Starts every server bundle as a process of its own on loopback, behind a router that reads the gateway's manifest. The
 * dispatcher is rung by submissions, and by a schedule that stands for the cluster's.
 * @throws the signal's reason when it aborts before everything has started
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const { dist, onLine } = options;
  const functions = builtFunctions.parse(JSON.parse(readFileSync(join(dist, "functions.json"), "utf8")));
  const ports = new Map<string, number>();
  const children = new Set<ChildProcess>();
  const over = new AbortController();
  const signal = AbortSignal.any(options.signal ? [options.signal, over.signal] : [over.signal]);
  const router = createRouter(readRouting(options.manifests), (name) => ports.get(name));

  const start = async (name: string, environment: Environment) => {
    const bundle = join(dist, "server", `${name}.cjs`);
    const started = await startFunctionProcess({ name, bundle, environment, children, onLine, signal });
    ports.set(name, started.port);
    return started;
  };
  // A fault, or a second Ctrl-C, ends us without a stop.
  const abandon = () => {
    for (const child of children) child.kill();
  };
  process.once("exit", abandon);
  const stop = async () => {
    over.abort();
    router.close();
    router.closeAllConnections();
    await Promise.all([...children].map(endProcess));
    process.off("exit", abandon);
  };
  try {
    // The first, because the others are told where its bell is.
    const bell = await start("dispatcher", options.environment);
    const environment = { ...options.environment, [variables.dispatcherUrl.name]: urlOf(bell) };
    const others = functions.filter(({ name }) => name !== bell.name);
    const processes = [bell, ...(await Promise.all(others.map(({ name }) => start(name, environment))))];
    for (const { name, kind } of functions) {
      const started = processes.find((each) => each.name === name);
      if (kind === "background" && started) void ring(urlOf(started), schedules[name] ?? 600, over.signal);
    }
    router.listen(options.port, options.host);
    await once(router, "listening");
    const address = router.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const host = options.host.includes(":") ? `[${options.host}]` : options.host;
    return { address: `http://${host}:${port}`, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function urlOf({ port }: FunctionProcess): string {
  return `http://127.0.0.1:${port}/`;
}

/** What PingSources do in the cluster, in seconds. */
const schedules: Readonly<Record<string, number>> = { dispatcher: 10, janitor: 600 };

async function ring(url: string, seconds: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(seconds * 1000, undefined, { signal, ref: false }).catch(() => {});
    if (!signal.aborted) await fetch(url, { method: "POST", signal }).catch(() => {});
  }
}
