import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { httpFunctions } from "../functions/index.ts";
import { loadConfig, variables } from "../shared/config.ts";
import { bodyLimitOf as limitOf } from "../shared/http/limits/limits.ts";
import { wakeUpHeaders } from "../shared/wake-up.ts";
import type { Environment } from "./dependencies.ts";
import { endProcess, type FunctionProcess, restartFunctionProcess, startFunctionProcess } from "./function-process.ts";
import { createFunctionsReadiness } from "./functions-readiness.ts";
import { readRouting } from "./gateway.ts";
import { createRouter } from "./router.ts";

export interface FunctionsOptions {
  /** Environment of every process, with Redis and scheduler. */
  readonly environment: Environment;
  /** The output directory of `npm run build`. */
  readonly dist: string;
  /** The files with the gateway's routes. */
  readonly manifests: readonly string[];
  /** Port of the router; 0: a free one. */
  readonly port: number;
  readonly host: string;
  /** Aborts the start and stops everything that has been started. @default never */
  readonly signal?: AbortSignal;
  /** Receives every line that a process writes. */
  readonly onLine?: (name: string, line: string) => void;
}

export interface Functions {
  /** The URL of the router, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** The first one of each function; one that ends unexpectedly is replaced by another on the same port. */
  readonly processes: readonly FunctionProcess[];
  /** Stops the router, then every process; resolves when all have exited. Tolerates being called twice. */
  stop(): Promise<void>;
}

const builtFunctions = z.array(z.object({ name: z.string(), kind: z.enum(["http", "background"]) }));

/**
 * Starts every server bundle in its own process on loopback, behind a router that reads the gateway's manifest.
 * Submissions wake the dispatcher, and so does a schedule that replaces the cluster's.
 * @throws the signal's reason when it aborts before everything has started
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const { dist, onLine } = options;
  const functions = builtFunctions.parse(JSON.parse(readFileSync(join(dist, "functions.json"), "utf8")));
  const children = new Set<ChildProcess>();
  const stopping = new AbortController();
  const signal = AbortSignal.any(options.signal ? [options.signal, stopping.signal] : [stopping.signal]);
  const running = new Map<string, FunctionProcess>();
  const readiness = createFunctionsReadiness(() => [...running.values()], functions.length);
  const router = createRouter({
    routing: readRouting(options.manifests),
    portOf: (name) => running.get(name)?.port,
    bodyLimitOf,
    fault: readiness,
  });

  const start = async (name: string, environment: Environment) => {
    const bundle = join(dist, "server", `${name}.cjs`);
    const settings = { name, bundle, environment, children, onLine, signal };
    const keep = (started: FunctionProcess) => {
      running.set(name, started);
      started.child.once("exit", () => {
        running.delete(name);
        children.delete(started.child);
        // The same port, because the others know the dispatcher's.
        void restartFunctionProcess({ ...settings, port: started.port }).then((again) => again && keep(again));
      });
      return started;
    };
    return keep(await startFunctionProcess(settings));
  };
  // An error or a second Ctrl-C ends this process without calling stop.
  const abandon = () => {
    for (const child of children) child.kill();
  };
  process.once("exit", abandon);
  const stop = async () => {
    stopping.abort();
    router.close();
    router.closeAllConnections();
    await Promise.all([...children].map(endProcess));
    process.off("exit", abandon);
  };
  try {
    // The dispatcher starts first, because the others need the URL for their wake-up calls.
    const dispatcher = await start("dispatcher", options.environment);
    const environment = { ...options.environment, [variables.dispatcherUrl.name]: urlOf(dispatcher) };
    const others = functions.filter(({ name }) => name !== dispatcher.name);
    const processes = [dispatcher, ...(await Promise.all(others.map(({ name }) => start(name, environment))))];
    const headers = wakeUpHeaders(loadConfig(options.environment).wakeUpTokens);
    for (const { name, kind } of functions) {
      const started = processes.find((each) => each.name === name);
      if (kind === "background" && started)
        void triggerEvery(schedules[name] ?? 600, urlOf(started), headers, stopping.signal);
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

/** The longest body that a function of this name reads; the limit of other requests for a name without an endpoint. */
function bodyLimitOf(name: string): number {
  return limitOf(httpFunctions.find(({ endpoint }) => endpoint.name === name)?.endpoint ?? {});
}

function urlOf({ port }: FunctionProcess): string {
  return `http://127.0.0.1:${port}/`;
}

/** The schedules of the cluster's PingSources, in seconds. */
const schedules: Readonly<Record<string, number>> = { dispatcher: 10, janitor: 600 };

async function triggerEvery(
  seconds: number,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(seconds * 1000, undefined, { signal, ref: false }).catch(() => {});
    if (!signal.aborted) await fetch(url, { method: "POST", headers, signal }).catch(() => {});
  }
}
