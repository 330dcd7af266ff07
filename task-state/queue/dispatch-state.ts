import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { recentHeartbeat } from "./leases.ts";

/** A dispatcher with a recent heartbeat. */
export interface DispatcherState {
  readonly name: string;
  /** Time since its last heartbeat. */
  readonly seen_seconds_ago: number;
  /** Tasks that it is working on. */
  readonly in_flight: number;
}

/** The state of the queue; each figure costs the same, whatever the number of tasks. */
export interface DispatchState {
  readonly state: "running" | "paused";
  /** Entries that no dispatcher has read yet; `null` when Redis does not know. */
  readonly waiting: number | null;
  readonly in_flight: number;
  /** Tasks waiting for a retry or a re-check. */
  readonly delayed: number;
  /** Tasks held by a block, a pause or a limit. */
  readonly held: number;
  readonly dead: number;
  /** Age of the first entry that no dispatcher has read; 0 when there is none. */
  readonly oldest_waiting_seconds: number;
  readonly dispatchers: readonly DispatcherState[];
}

/** Stops all submissions until they are resumed, across all dispatchers and restarts. Cancellations continue. */
export async function pauseDispatch(redis: Redis): Promise<void> {
  await redis.set(keys.paused, new Date().toISOString());
}

/** Ends a pause; tasks held by it continue within seconds. */
export async function resumeDispatch(redis: Redis): Promise<void> {
  await redis.del(keys.paused);
}

async function readHeartbeats(redis: Redis, now: number): Promise<{ name: string; at: number }[]> {
  const flat = await redis.zrange(keys.dispatchers, String(now - recentHeartbeat), "+inf", "BYSCORE", "WITHSCORES");
  const heartbeats: { name: string; at: number }[] = [];
  for (let index = 0; index < flat.length; index += 2) {
    heartbeats.push({ name: flat[index] as string, at: Number(flat[index + 1]) });
  }
  return heartbeats;
}

/** Reads the state of the queue. */
export async function readDispatchState(redis: Redis): Promise<DispatchState> {
  const { now } = await redisClock(redis);
  const [paused, delayed, dead, group, held, seen, consumers] = await Promise.all([
    redis.exists(keys.paused),
    redis.zcard(keys.due),
    redis.zcard(keys.dead),
    readGroup(redis),
    redis.scard(keys.held),
    readHeartbeats(redis, now),
    readConsumers(redis),
  ]);
  return {
    state: paused === 1 ? "paused" : "running",
    waiting: group.lag,
    in_flight: group.pending,
    delayed,
    held,
    dead,
    oldest_waiting_seconds: await oldestWaiting(redis, group.lastDelivered, now),
    dispatchers: seen.map(({ name, at }) => ({
      name,
      seen_seconds_ago: secondsBetween(at, now),
      in_flight: consumers.find((consumer) => consumer.name === name)?.pending ?? 0,
    })),
  };
}

export interface Group {
  readonly lag: number | null;
  readonly pending: number;
  readonly lastDelivered: string;
  /** Entries ever delivered to a dispatcher; `null` when Redis does not know. */
  readonly entriesRead: number | null;
}

/** Reads the state of the dispatchers' consumer group. */
export async function readGroup(redis: Redis): Promise<Group> {
  const groups = (await info(redis, "GROUPS")).map(fieldsOf);
  const group = groups.find(({ name }) => name === dispatchGroup);
  if (!group) return { lag: await redis.xlen(keys.work), pending: 0, lastDelivered: "0-0", entriesRead: 0 };
  return {
    lag: numberOrNull(group.lag),
    pending: Number(group.pending),
    lastDelivered: String(group["last-delivered-id"]),
    // Redis reports no count for a group that has not read yet.
    entriesRead: group["last-delivered-id"] === "0-0" ? 0 : numberOrNull(group["entries-read"]),
  };
}

/*
 * In one step, because a consumer that reads in between would lose the entries delivered to it.
 * keys   work
 * args   group, idleMs
 * reply  the number of consumers removed
 */
const forgetScript = defineScript({
  name: "forget-consumers",
  keys: ["work"],
  args: ["group", "idleMs"],
  lua: `
if redis.call('EXISTS', work) == 0 then return 0 end
local known = false
for _, info in ipairs(redis.call('XINFO', 'GROUPS', work)) do known = known or info[2] == group end
if not known then return 0 end
local gone = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', work, group)) do
  local consumer = {}
  for index = 1, #info, 2 do consumer[info[index]] = info[index + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(idleMs) then
    redis.call('XGROUP', 'DELCONSUMER', work, group, consumer.name)
    gone = gone + 1
  end
end
return gone`,
});

/** Removes consumers that have not read for `idleMs` and hold no entry. @returns how many */
export async function forgetConsumers(redis: Redis, idleMs: number): Promise<number> {
  return Number(await forgetScript(redis, { work: keys.work }, { group: dispatchGroup, idleMs }));
}

async function readConsumers(redis: Redis): Promise<{ name: string; pending: number }[]> {
  const consumers = (await info(redis, "CONSUMERS", dispatchGroup)).map(fieldsOf);
  return consumers.map(({ name, pending }) => ({ name: String(name), pending: Number(pending) }));
}

async function oldestWaiting(redis: Redis, lastDelivered: string, now: number): Promise<number> {
  const [first] = await redis.xrange(keys.work, `(${lastDelivered}`, "+", "COUNT", 1);
  if (!first) return 0;
  return secondsBetween(Number(first[0].split("-")[0]), now);
}

/** Never negative, rounded to a tenth. */
function secondsBetween(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) / 100) / 10);
}

/** Runs XINFO; an empty list if the stream or the group does not exist yet. */
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
