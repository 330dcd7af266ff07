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
  /** CPU time of the main thread until that answer, in ms; other load on the machine affects it less. */
  readonly cpuMs: number;
  /** Resident memory after that answer. */
  readonly rssMb: number;
}

/** Timeout of a start, in ms. */
const startTimeout = 10_000;

/** A server and the request that it must answer. */
export interface Start {
  readonly bundle: string;
  readonly method: string;
  readonly path: string;
}

/** Starts a server process, sends requests until it answers 2xx, and stops it. */
export async function measureStart(
  { bundle, method, path }: Start,
  env: Readonly<Record<string, string>>,
): Promise<Cold> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [bundle], { env: { ...env, PORT: String(port) }, stdio: "ignore" });
  try {
    while (Math.floor((await statusOf(port, method, path)) / 100) !== 2) {
      if (performance.now() - startedAt > startTimeout)
        throw new Error(`${bundle} does not answer 2xx to ${method} ${path}`);
      await pause(1);
    }
    const ms = performance.now() - startedAt;
    return { ms, cpuMs: mainThreadTime(child.pid), rssMb: residentMemory(child.pid) };
  } finally {
    const exited = child.exitCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await exited;
  }
}

/** The status of one answer; 0 when nothing is listening. */
function statusOf(port: number, method: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", () => resolve(0));
    sent.end();
  });
}

function mainThreadTime(pid: number | undefined): number {
  return Number.parseInt(processFile(`/proc/${pid}/task/${pid}/schedstat`), 10) / 1e6;
}

function residentMemory(pid: number | undefined): number {
  const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(processFile(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) / 1024;
}

/** A file of Linux's /proc; "0" on other systems. */
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
