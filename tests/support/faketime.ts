import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { findRedisServer } from "../../local/redis-binary.ts";
import { freePort } from "../../local/redis-server.ts";
import { until } from "./until.ts";

const libraries = "/usr/{lib,lib64,local/lib}/{,*/}faketime/libfaketime.so.1";
/** A malloc that reads no clock at its start. A redis-server with jemalloc would deadlock under libfaketime. */
const mallocs = "/{usr/lib,lib}/{,*-linux-gnu/}libc_malloc_debug.so.0";
const run = promisify(execFile);

/** Sets the wall clock of a process from a file, through its environment; the monotonic clock is unchanged. */
export interface Faketime {
  /** For a Node process. The text of the file offsets the clock, such as `+60`. */
  environment(file: string): Record<string, string>;
  /** For a redis-server, which has its own malloc. */
  redisEnvironment(file: string): Record<string, string>;
}

let search: Promise<Faketime | undefined> | undefined;

/**
 * Finds libfaketime, installs Debian's package if allowed, and checks that it moves the clocks of redis-server and Node.
 * Otherwise gives `undefined` and prints the reason in one line to standard error.
 */
export function findFaketime(): Promise<Faketime | undefined> {
  search ??= find();
  return search;
}

async function find(): Promise<Faketime | undefined> {
  const present = () => globSync(libraries)[0];
  if (present() === undefined && process.getuid?.() === 0) await install();
  const library = present();
  if (library === undefined) return none("libfaketime not found (package faketime)");
  const [malloc] = globSync(mallocs);
  const environment = (file: string, ...before: string[]) => ({
    LD_PRELOAD: [...before, library].join(" "),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_NO_CACHE: "1",
  });
  const found: Faketime = {
    environment: (file) => environment(file),
    redisEnvironment: (file) => environment(file, ...(malloc === undefined ? [] : [malloc])),
  };
  const directory = await mkdtemp(join(tmpdir(), "dms-clock-"));
  try {
    if (!(await stepsNode(found, join(directory, "node")))) return none("libfaketime does not move the clock of Node");
    if (!(await stepsRedis(found, join(directory, "redis"))))
      return none("libfaketime does not move the clock of this redis-server");
    return found;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function none(why: string): undefined {
  process.stderr.write(`No clock is stepped here: ${why}\n`);
}

async function install(): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const aptGet = (...args: string[]) =>
    run("apt-get", [...args, "-o", "DPkg::Lock::Timeout=120"], { env }).then(
      () => true,
      () => false,
    );
  if (await aptGet("install", "-y", "faketime")) return;
  // The package lists are missing or stale.
  if (await aptGet("update")) await aptGet("install", "-y", "faketime");
}

async function stepsNode({ environment }: Faketime, file: string): Promise<boolean> {
  await writeFile(file, "+3600\n");
  const { stdout } = await run(process.execPath, ["-p", "Date.now()"], { env: environment(file) });
  return Number(stdout) - Date.now() > 3_000_000;
}

async function stepsRedis({ redisEnvironment }: Faketime, file: string): Promise<boolean> {
  await writeFile(file, "+0\n");
  const [binary, port] = [await findRedisServer(), await freePort()];
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const env = { PATH: process.env.PATH, ...redisEnvironment(file) };
  const child = spawn(binary, settings, { stdio: "ignore", env });
  const redis = new Redis(port, "127.0.0.1", { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => {});
  try {
    const ahead = async () => Number((await redis.time())[0]) - Date.now() / 1000;
    await until(async () => child.exitCode === null && Math.abs(await ahead()) < 30, { timeoutMs: 10_000 });
    await writeFile(file, "+3600\n");
    return (await ahead()) > 3000;
  } catch {
    return false;
  } finally {
    redis.disconnect();
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}
