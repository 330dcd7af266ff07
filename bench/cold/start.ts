import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../local/redis-server.ts";

/** One cold start. */
export interface Cold {
  /** From the spawn to the first 200. */
  readonly ms: number;
  /** Resident memory after that answer. */
  readonly rssMb: number;
}

/** Longest time that a start may take, in ms. */
const patience = 10_000;

/** Starts a server process, asks until it answers 200 and ends it. */
export async function measureStart(
  args: readonly string[],
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<Cold> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env: { ...env, PORT: String(port) }, stdio: "ignore" });
  try {
    while ((await statusOf(port, path)) !== 200) {
      if (performance.now() - startedAt > patience) throw new Error(`${args[0]} does not answer 200 on ${path}`);
      await pause(1);
    }
    return { ms: performance.now() - startedAt, rssMb: residentMemory(child.pid) };
  } finally {
    const gone = child.exitCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await gone;
  }
}

/** The status of one answer; 0 as long as nobody listens. */
function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
}

/** From Linux's /proc; 0 where there is none. */
function residentMemory(pid: number | undefined): number {
  try {
    const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kilobytes) / 1024;
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
