import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "./keys.ts";

/** A dispatcher that has asked for work lately. */
export interface DispatcherState {
  readonly name: string;
  /** Since it last asked for work. */
  readonly idle_seconds: number;
  /** Tasks that it is at work on. */
  readonly in_flight: number;
}

/** How the queue stands; every figure costs the same whatever the number of tasks. */
export interface DispatchState {
  readonly state: "running" | "paused";
  /** Entries that no dispatcher has taken yet; `null` when Redis cannot tell. */
  readonly waiting: number | null;
  readonly in_flight: number;
  /** Tasks that wait for a retry or a check. */
  readonly delayed: number;
  /** Tasks that a block, a pause or a limit holds back. */
  readonly held: number;
  readonly dead: number;
  /** Age of the first entry that no dispatcher has taken; 0 when there is none. */
  readonly oldest_waiting_seconds: number;
  readonly dispatchers: readonly DispatcherState[];
}

/** A dispatcher that has not asked for this long is not shown, in ms. */
const lately = 30_000;
/** Users whose held tasks are counted at once. */
const countedUsers = 10_000;

/** Stops all submissions until they are resumed, across all dispatchers and restarts. Cancellations go on. */
export async function pauseDispatch(redis: Redis): Promise<void> {
  await redis.set(keys.paused, new Date().toISOString());
}

/** Ends a pause; what it has held goes on within seconds. */
export async function resumeDispatch(redis: Redis): Promise<void> {
  await redis.del(keys.paused);
}

/** Reads how the queue stands. */
export async function readDispatchState(redis: Redis): Promise<DispatchState> {
  const [paused, delayed, dead, group, held, consumers] = await Promise.all([
    redis.exists(keys.paused),
    redis.zcard(keys.due),
    redis.zcard(keys.dead),
    readGroup(redis),
    countHeld(redis),
    readConsumers(redis),
  ]);
  return {
    state: paused === 1 ? "paused" : "running",
    waiting: group.lag,
    in_flight: group.pending,
    delayed,
    held,
    dead,
    oldest_waiting_seconds: await oldestWaiting(redis, group.lastDelivered),
    dispatchers: consumers
      .filter(({ idle }) => idle < lately)
      .map(({ name, idle, pending }) => ({ name, idle_seconds: Math.round(idle / 100) / 10, in_flight: pending })),
  };
}

export interface Group {
  readonly lag: number | null;
  readonly pending: number;
  readonly lastDelivered: string;
  /** Entries that were ever given to a dispatcher; `null` when Redis cannot tell. */
  readonly entriesRead: number | null;
}

/** The dispatchers' group as Redis knows it. */
export async function readGroup(redis: Redis): Promise<Group> {
  const groups = (await info(redis, "GROUPS")).map(fieldsOf);
  const group = groups.find(({ name }) => name === dispatchGroup);
  if (!group) return { lag: await redis.xlen(keys.work), pending: 0, lastDelivered: "0-0", entriesRead: 0 };
  return {
    lag: numberOrNull(group.lag),
    pending: Number(group.pending),
    lastDelivered: String(group["last-delivered-id"]),
    entriesRead: numberOrNull(group["entries-read"]),
  };
}

/** Forgets dispatchers that have not asked for work for `idleMs` and hold no entry. @returns how many */
export async function forgetConsumers(redis: Redis, idleMs: number): Promise<number> {
  const gone = (await readConsumers(redis)).filter(({ idle, pending }) => idle > idleMs && pending === 0);
  for (const { name } of gone) await redis.xgroup("DELCONSUMER", keys.work, dispatchGroup, name);
  return gone.length;
}

async function readConsumers(redis: Redis): Promise<{ name: string; idle: number; pending: number }[]> {
  const consumers = (await info(redis, "CONSUMERS", dispatchGroup)).map(fieldsOf);
  return consumers.map(({ name, idle, pending }) => ({
    name: String(name),
    idle: Number(idle),
    pending: Number(pending),
  }));
}

async function countHeld(redis: Redis): Promise<number> {
  const users = await redis.zrange(keys.parkedUsers, "0", String(countedUsers - 1));
  const counts = await Promise.all(users.map((user) => redis.zcard(keys.parked(user))));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function oldestWaiting(redis: Redis, lastDelivered: string): Promise<number> {
  const [first] = await redis.xrange(keys.work, `(${lastDelivered}`, "+", "COUNT", 1);
  if (!first) return 0;
  return Math.max(0, Math.round((Date.now() - Number(first[0].split("-")[0])) / 100) / 10);
}

/** XINFO; nothing where the stream or the group does not exist yet. */
async function info(redis: Redis, what: "GROUPS" | "CONSUMERS", ...group: string[]): Promise<unknown[][]> {
  try {
    return (await redis.call("XINFO", what, keys.work, ...group)) as unknown[][];
  } catch (error) {
    if (error instanceof Error && /no such key|NOGROUP/i.test(error.message)) return [];
    throw error;
  }
}

function fieldsOf(flat: unknown[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[String(flat[index])] = flat[index + 1];
  return fields;
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
