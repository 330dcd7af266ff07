import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../local/redis-server.ts";

/** One cold start. */
export interface Cold {
  /** From the spawn to the first answer of 2xx. */
  readonly ms: number;
  /** Time that the main thread has had of a processor until then, in ms; other work on the machine changes it less. */
  readonly cpuMs: number;
  /** Resident memory after that answer. */
  readonly rssMb: number;
}

/** Longest time that a start may take, in ms. */
const patience = 10_000;

/** A server, and what it is asked. */
export interface Start {
  readonly bundle: string;
  readonly method: string;
  readonly path: string;
}

/** Starts a server process, asks until it answers 2xx and ends it. */
export async function measureStart(
  { bundle, method, path }: Start,
  env: Readonly<Record<string, string>>,
): Promise<Cold> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [bundle], { env: { ...env, PORT: String(port) }, stdio: "ignore" });
  try {
    while (Math.floor((await statusOf(port, method, path)) / 100) !== 2) {
      if (performance.now() - startedAt > patience)
        throw new Error(`${bundle} does not answer 2xx to ${method} ${path}`);
      await pause(1);
    }
    const ms = performance.now() - startedAt;
    return { ms, cpuMs: mainThreadTime(child.pid), rssMb: residentMemory(child.pid) };
  } finally {
    const gone = child.exitCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await gone;
  }
}

/** The status of one answer; 0 as long as nobody listens. */
function statusOf(port: number, method: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
}

function mainThreadTime(pid: number | undefined): number {
  return Number.parseInt(processFile(`/proc/${pid}/task/${pid}/schedstat`), 10) / 1e6;
}

function residentMemory(pid: number | undefined): number {
  const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(processFile(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) / 1024;
}

/** A file of Linux's /proc; "0" where there is none. */
function processFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "0";
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
