import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

/** One round of load: as many requests as the server can answer over some persistent connections. */
export interface Target {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly connections: number;
  readonly seconds: number;
}

const result = z.object({ perSecond: z.number(), p50: z.number(), p99: z.number(), failed: z.number() });

/** Answers per second; latencies in ms. */
export type LoadResult = z.infer<typeof result>;

/** Generates load in a separate process. */
export interface LoadGenerator {
  readonly name: string;
  /** @throws Error when any request has failed: such a round is not valid */
  run(target: Target, signal: AbortSignal): Promise<LoadResult>;
}

const run = promisify(execFile);

/** wrk when it is on PATH or can be installed (root on Debian or Ubuntu), otherwise autocannon, which npx downloads. */
export async function findLoadGenerator(): Promise<LoadGenerator> {
  if (await has("wrk")) return wrk;
  if (process.getuid?.() === 0 && /\b(debian|ubuntu)\b/.test(await osRelease())) {
    process.stdout.write("no wrk on PATH: installing the package wrk with apt-get\n");
    // Retried with fresh package lists, which a new container lacks.
    await apt("install", "-y", "wrk").catch(() =>
      apt("update")
        .then(() => apt("install", "-y", "wrk"))
        .catch(() => {}),
    );
    if (await has("wrk")) return wrk;
  }
  return autocannon;
}

const apt = (...args: string[]) =>
  run("apt-get", args, { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, maxBuffer: 64 * 1024 * 1024 });

// wrk shows its version with exit code 1, so only a missing file counts.
const has = (command: string) =>
  run(command, ["--version"]).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );

const osRelease = () => readFile("/etc/os-release", "utf8").catch(() => "");

const wrk: LoadGenerator = {
  name: "wrk",
  async run({ url, method, connections, seconds }, signal) {
    const script = fileURLToPath(new URL("./wrk.lua", import.meta.url));
    const options = ["--threads", "1", "--connections", String(connections), "--duration", `${seconds}s`];
    const { stdout } = await run("wrk", [...options, "--script", script, url, "--", method], { signal });
    return sound(result.parse(JSON.parse(stdout.slice(stdout.lastIndexOf("\n{")))));
  },
};

const autocannonResult = z.object({
  duration: z.number(),
  "2xx": z.number(),
  non2xx: z.number(),
  errors: z.number(),
  latency: z.object({ p50: z.number(), p99: z.number() }),
});

const autocannon: LoadGenerator = {
  name: "autocannon",
  async run({ url, method, connections, seconds }, signal) {
    const options = ["--json", "--connections", String(connections), "--duration", String(seconds), "--method", method];
    const { stdout } = await run("npx", ["--yes", "autocannon@9.0.0", ...options, url], { signal });
    const { duration, "2xx": good, non2xx, errors, latency } = autocannonResult.parse(JSON.parse(stdout));
    return sound({ perSecond: good / duration, p50: latency.p50, p99: latency.p99, failed: non2xx + errors });
  },
};

function sound(measured: LoadResult): LoadResult {
  if (measured.failed > 0) throw new Error(`${measured.failed} requests failed under load`);
  return measured;
}
