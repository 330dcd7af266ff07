import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/** How much work there is, whoever does it. */
export interface Backlog {
  /** Entries of the work stream that no dispatcher has read. */
  readonly waiting: number;
  /** Tasks to be looked at at a later time. */
  readonly delayed: number;
  /** When the first of them is due, in ms from now; not negative. */
  readonly nextMs: number | undefined;
}

/*
 * keys   work, due
 * args   group
 * reply  { entries not read, delayed tasks, ms until the first of them or -1 }
 */
const backlogScript = defineScript({
  name: "backlog",
  keys: ["work", "due"],
  args: ["group"],
  lua: `
local waiting = redis.call('XLEN', work)
if waiting > 0 then
  local pending = redis.pcall('XPENDING', work, group)
  if not pending.err then waiting = math.max(0, waiting - pending[1]) end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { waiting, redis.call('ZCARD', due), head[2] and math.max(0, math.ceil(head[2] - now)) or -1 }`,
});

/** Reads the backlog in one step, in O(dispatchers). */
export async function readBacklog(redis: Redis): Promise<Backlog> {
  const reply = await backlogScript(redis, { work: keys.work, due: keys.due }, { group: dispatchGroup });
  const [waiting, delayed, nextMs] = reply as [number, number, number];
  return { waiting, delayed, nextMs: nextMs < 0 ? undefined : nextMs };
}

/*
 * keys   work
 * args   group, idleMs
 * reply  how many consumers were removed
 */
const retireScript = defineScript({
  name: "retire-consumers",
  keys: ["work"],
  args: ["group", "idleMs"],
  lua: `
local consumers = redis.pcall('XINFO', 'CONSUMERS', work, group)
if consumers.err then return 0 end
local removed = 0
for _, flat in ipairs(consumers) do
  local consumer = {}
  for index = 1, #flat, 2 do consumer[flat[index]] = flat[index + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(idleMs) then
    redis.call('XGROUP', 'DELCONSUMER', work, group, consumer.name)
    removed = removed + 1
  end
end
return removed`,
});

/**
 * Removes consumers from the dispatchers' group that hold no entry and have not read for `idleMs`: each process and each
 * drain is a consumer of its own. One that still lives comes back with its next read.
 */
export async function retireConsumers(redis: Redis, idleMs: number): Promise<number> {
  return Number(await retireScript(redis, { work: keys.work }, { group: dispatchGroup, idleMs }));
}
