import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { type RedisServer, startRedisServer } from "./redis-server.ts";

const stateFile = z.object({ owner: z.number().int(), redis: z.number().int(), port: z.number().int() });
type State = z.infer<typeof stateFile>;

/** How long a redis-server may take to write its data and end before it is killed, in ms. */
const patience = 1000;
/** How long it may take until all who want a directory at the same moment have put their names on it, in ms. */
const settling = 20;
/** How long one that was left behind may take to answer, in ms. */
const answerLimit = 2000;

/**
 * Starts the private Redis of a local server on a free loopback port; its append-only file in `directory` keeps every
 * task over restarts. One owner at a time: a redis-server that a killed owner has left behind is shut down first.
 * @throws Error when another living process uses the directory, or a redis-server that was left behind does not answer
 */
export async function startPrivateRedis(directory: string): Promise<RedisServer> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "owner.json");
  const state = await readState(path);
  if (state && state.owner !== process.pid && isAlive(state.owner)) throw inUse(directory, state.owner);
  if (state && state.redis > 0 && isAlive(state.redis) && !(await shutDown(state.port))) {
    throw new Error(
      `${directory} is in use by a redis-server, process ${state.redis}, that was left behind and does not answer: kill that one`,
    );
  }
  await own(directory, path, state);
  const server = await startRedisServer({ directory });
  const now: State = { owner: process.pid, redis: server.process.pid ?? 0, port: server.port };
  await writeFile(path, JSON.stringify(now));
  // A fault, or a second Ctrl-C, ends us without a stop.
  const abandon = () => server.process.kill();
  process.once("exit", abandon);
  return {
    ...server,
    async stop(signal) {
      const timer = setTimeout(() => server.process.kill("SIGKILL"), patience);
      await server.stop(signal);
      clearTimeout(timer);
      process.off("exit", abandon);
      await rm(path, { force: true });
    },
  };
}

/** Puts our name on the directory before anything is started there; of several who do so at the same moment, one remains. */
async function own(directory: string, path: string, stale: State | undefined): Promise<void> {
  const ours: State = { owner: process.pid, redis: 0, port: 0 };
  const write = () =>
    writeFile(path, JSON.stringify(ours), { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
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
  // Somebody may have taken away ours instead of what was left behind.
  await delay(settling);
  judge(await readState(path));
}

function inUse(directory: string, owner = 0): Error {
  return new Error(
    `${directory} is in use by process ${owner}: stop that one, or set DMS_REDIS_WRITE_URL to use another Redis`,
  );
}

async function readState(path: string): Promise<State | undefined> {
  try {
    return stateFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    // No file, or one that was cut off while it was written: nobody owns the directory.
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
 * Asks a redis-server to end after writing its data. The process id may be somebody else's by now, the port is not.
 * @returns false when it does not answer
 */
async function shutDown(port: number): Promise<boolean> {
  const connection = new Redis(port, "127.0.0.1", {
    retryStrategy: () => null,
    lazyConnect: true,
    socketTimeout: answerLimit,
  });
  let silent = false;
  connection.on("error", ({ message }: Error) => {
    silent ||= /timeout/i.test(message);
  });
  try {
    await connection.connect();
    await connection.shutdown();
  } catch {
    // It closes the connection instead of answering, or is gone already.
  } finally {
    connection.disconnect();
  }
  return !silent;
}
