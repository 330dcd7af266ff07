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

/** A private Redis that is stopped after the test in any case. */
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

/** Makes a running server look like the one of a killed owner. */
async function orphan(directory: string, { process: { pid }, port }: RedisServer): Promise<void> {
  const owner = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(owner, "exit");
  await writeFile(join(directory, "owner.json"), JSON.stringify({ owner: owner.pid, redis: pid, port }));
}

test("its data survives a stop, and another start is not blocked", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await using(first, (redis) => redis.set("kept", "yes"));
  await first.stop();
  expect(await using(await start(directory), (redis) => redis.get("kept"))).toBe("yes");
});

test("the leftover server of a killed owner is shut down first, and its data is kept", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await using(first, (redis) => redis.set("kept", "yes"));
  await orphan(directory, first);
  const second = await start(directory);
  expect(await using(second, (redis) => redis.get("kept"))).toBe("yes");
  await until(() => first.process.exitCode === 0);
});

test("a leftover server that hangs is reported, and its data is not touched", async () => {
  const directory = await makeDirectory();
  const first = await start(directory);
  await orphan(directory, first);
  first.process.kill("SIGSTOP");
  await expect(startPrivateRedis(directory)).rejects.toThrow(
    `a leftover redis-server, process ${first.process.pid}, that does not answer`,
  );
});

test("a directory that another process uses is refused with a remedy", async () => {
  const directory = await makeDirectory();
  await writeFile(join(directory, "owner.json"), JSON.stringify({ owner: process.ppid, redis: 1, port: 1 }));
  await expect(startPrivateRedis(directory)).rejects.toThrow(
    `in use by process ${process.ppid}: stop that process, or set DMS_REDIS_WRITE_URL`,
  );
});

test("stop kills a server that hangs", async () => {
  const server = await start(await makeDirectory());
  server.process.kill("SIGSTOP");
  const from = performance.now();
  await server.stop();
  expect(performance.now() - from).toBeLessThan(4000);
  expect(server.process.signalCode).toBe("SIGKILL");
});

test("of several concurrent starts one gets the directory, and the others name its owner", async () => {
  const directory = await makeDirectory();
  const script = `
    import { startPrivateRedis } from ${JSON.stringify(join(import.meta.dirname, "../../local/private-redis.ts"))};
    const server = await startPrivateRedis(process.argv[1]).catch((error) => void process.stdout.write(error.message));
    if (server) process.stdout.write("has it");
    process.stdin.resume().on("end", () => (server ? server.stop().then(() => process.exit()) : process.exit()));`;
  const starters = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script, directory], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const outputs = await Promise.all(starters.map(async ({ stdout }) => String((await once(stdout, "data"))[0]).trim()));
  const exits = starters.map((starter) => once(starter, "exit"));
  for (const { stdin } of starters) stdin.end();
  await Promise.all(exits);
  expect(outputs.filter((text) => text === "has it")).toHaveLength(1);
  expect(outputs.filter((text) => text.startsWith(`${directory} is in use by process `))).toHaveLength(3);
});
