import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startPrivateRedis } from "../../local/private-redis.ts";
import type { RedisServer } from "../../local/redis-server.ts";
import { until } from "../support/until.ts";

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dms-private-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A private Redis that is gone after the test, whatever becomes of it. */
async function start(directory: string): Promise<RedisServer> {
  const server = await startPrivateRedis(directory);
  onTestFinished(() => server.stop("SIGKILL"));
  return server;
}

async function using<T>({ url }: RedisServer, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await act(redis);
  } finally {
    redis.disconnect();
  }
}

/** Makes a running server one whose owner was killed. */
async function orphan(directory: string, { process: { pid }, port }: RedisServer): Promise<void> {
  const owner = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(owner, "exit");
  await writeFile(join(directory, "owner.json"), JSON.stringify({ owner: owner.pid, redis: pid, port }));
}

test("what it holds outlives a stop, and another start finds nobody in its way", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await using(first, (redis) => redis.set("kept", "yes"));
  await first.stop();
  expect(await using(await start(directory), (redis) => redis.get("kept"))).toBe("yes");
});

test("one that a killed owner has left behind is shut down first, with its data", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await using(first, (redis) => redis.set("kept", "yes"));
  await orphan(directory, first);
  const second = await start(directory);
  expect(await using(second, (redis) => redis.get("kept"))).toBe("yes");
  await until(() => first.process.exitCode === 0);
});

test("one that was left behind and hangs is told, and nobody else touches its data", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await orphan(directory, first);
  first.process.kill("SIGSTOP");
  await expect(startPrivateRedis(directory)).rejects.toThrow(
    `process ${first.process.pid}, that was left behind and does not answer`,
  );
});

test("a directory that another process uses is refused with what to do", async () => {
  const directory = await makeDirectory();
  await writeFile(join(directory, "owner.json"), JSON.stringify({ owner: process.ppid, redis: 1, port: 1 }));
  await expect(startPrivateRedis(directory)).rejects.toThrow(
    `in use by process ${process.ppid}: stop that one, or set DMS_REDIS_WRITE_URL`,
  );
});

test("one that hangs is killed by the stop, which does not wait for it", async () => {
  const server = await start(await makeDirectory());
  server.process.kill("SIGSTOP");
  const from = performance.now();
  await server.stop();
  expect(performance.now() - from).toBeLessThan(4000);
  expect(server.process.signalCode).toBe("SIGKILL");
});

test("of several that are started at the same moment one gets the directory, and the others say who has it", async () => {
  const directory = await makeDirectory();
  const script = `
    import { startPrivateRedis } from ${JSON.stringify(join(import.meta.dirname, "../../local/private-redis.ts"))};
    const server = await startPrivateRedis(process.argv[1]).catch((error) => void process.stdout.write(error.message));
    if (server) process.stdout.write("has it");
    process.stdin.resume().on("end", () => (server ? server.stop().then(() => process.exit()) : process.exit()));`;
  const starters = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script, directory], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const told = await Promise.all(starters.map(async ({ stdout }) => String((await once(stdout, "data"))[0]).trim()));
  const gone = starters.map((starter) => once(starter, "exit"));
  for (const { stdin } of starters) stdin.end();
  await Promise.all(gone);
  expect(told.filter((text) => text === "has it")).toHaveLength(1);
  expect(told.filter((text) => text.startsWith(`${directory} is in use by process `))).toHaveLength(3);
});
