import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { type RedisServer, startRedisServer } from "./redis-server.ts";

const stateFile = z.object({ owner: z.number().int(), redis: z.number().int(), port: z.number().int() });
type State = z.infer<typeof stateFile>;

/** Time for a redis-server to write its data and stop before it is killed, in ms. */
const stopTimeout = 1000;
/** Time until all processes that claim a directory at the same moment have written their owner file, in ms. */
const settlingTime = 20;
/** Time for a leftover redis-server to answer, in ms. */
const answerTimeout = 2000;

/**
 * Starts the private Redis of a local server on a free loopback port; its append-only file in `directory` keeps all tasks
 * across restarts. One owner at a time: the leftover redis-server of a killed owner is shut down first.
 * @throws Error when another running process uses the directory, or a leftover redis-server does not answer
 */
export async function startPrivateRedis(directory: string): Promise<RedisServer> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "owner.json");
  const state = await readState(path);
  if (state && state.owner !== process.pid && isAlive(state.owner)) throw inUse(directory, state.owner);
  if (state && state.redis > 0 && isAlive(state.redis) && !(await shutDown(state.port))) {
    throw new Error(
      `${directory} is in use by a leftover redis-server, process ${state.redis}, that does not answer: kill that process`,
    );
  }
  await own(directory, path, state);
  const server = await startRedisServer({ directory });
  const now: State = { owner: process.pid, redis: server.process.pid ?? 0, port: server.port };
  await writeFile(path, JSON.stringify(now));
  // An error or a second Ctrl-C ends this process without calling stop.
  const abandon = () => server.process.kill();
  process.once("exit", abandon);
  return {
    ...server,
    async stop(signal) {
      const timer = setTimeout(() => server.process.kill("SIGKILL"), stopTimeout);
      await server.stop(signal);
      clearTimeout(timer);
      process.off("exit", abandon);
      await rm(path, { force: true });
    },
  };
}

/** Claims the directory before anything is started there; of several concurrent claims, one succeeds. */
async function own(directory: string, path: string, stale: State | undefined): Promise<void> {
  const claim: State = { owner: process.pid, redis: 0, port: 0 };
  const write = () =>
    writeFile(path, JSON.stringify(claim), { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  const judge = (found: State | undefined) => {
    if (found && found.owner !== process.pid && found.owner !== stale?.owner) throw inUse(directory, found.owner);
  };
  await write();
  const found = await readState(path);
  judge(found);
  if (found?.owner === process.pid) return;
  await rm(path, { force: true });
  await write();
  // Another process may have removed this claim instead of the stale one.
  await delay(settlingTime);
  judge(await readState(path));
}

function inUse(directory: string, owner = 0): Error {
  return new Error(
    `${directory} is in use by process ${owner}: stop that process, or set DMS_REDIS_WRITE_URL to use another Redis`,
  );
}

async function readState(path: string): Promise<State | undefined> {
  try {
    return stateFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    // No file, or a truncated one: the directory has no owner.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Asks a redis-server to stop after writing its data, by its port, because its process id may have been reused.
 * @returns false when it does not answer
 */
async function shutDown(port: number): Promise<boolean> {
  const connection = new Redis(port, "127.0.0.1", {
    retryStrategy: () => null,
    lazyConnect: true,
    socketTimeout: answerTimeout,
  });
  let silent = false;
  connection.on("error", ({ message }: Error) => {
    silent ||= /timeout/i.test(message);
  });
  try {
    await connection.connect();
    await connection.shutdown();
  } catch {
    // The server closes the connection instead of answering, or has already stopped.
  } finally {
    connection.disconnect();
  }
  return !silent;
}
