import type { Redis } from "ioredis";
import { keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/** Limits that hold across all dispatchers; 0: none. */
export interface Caps {
  readonly maxInFlight: number;
  readonly maxInFlightPerUser: number;
  readonly ratePerSecond: number;
}

export type Permit =
  | { readonly kind: "granted" }
  /** This user has as many submissions in flight as allowed. */
  | { readonly kind: "user_full" }
  /** Everybody has to wait; ask again in so many ms. */
  | { readonly kind: "wait"; readonly ms: number };

/** How soon to ask again while all places are taken, in ms. */
const fullPause = 25;

/*
 * Takes a place for a submission, if all limits allow it. Places of dead dispatchers come free when their time is over.
 * keys   inFlight, inFlightUser, rate
 * args   id, maxInFlight, maxUser, ratePerSecond, leaseMs
 * reply  { 0 granted · 1 user full · 2 all full · 3 too fast, ms to wait }
 */
const acquireScript = defineScript({
  name: "acquire",
  keys: ["inFlight", "inFlightUser", "rate"],
  args: ["id", "maxInFlight", "maxUser", "ratePerSecond", "leaseMs"],
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZREMRANGEBYSCORE', inFlight, '-inf', now)
redis.call('ZREMRANGEBYSCORE', inFlightUser, '-inf', now)
if tonumber(maxUser) > 0 and redis.call('ZCARD', inFlightUser) >= tonumber(maxUser) then return { 1, 0 } end
if tonumber(maxInFlight) > 0 and redis.call('ZCARD', inFlight) >= tonumber(maxInFlight) then return { 2, 0 } end
if tonumber(ratePerSecond) > 0 then
  local interval = 1000 / ratePerSecond
  local free = tonumber(redis.call('GET', rate) or 0)
  if free > now then return { 3, math.ceil(free - now) } end
  redis.call('SET', rate, string.format('%.3f', math.max(free, now - interval) + interval), 'PX', math.ceil(interval * 2) + 1000)
end
local over = string.format('%.0f', now + leaseMs)
redis.call('ZADD', inFlight, over, id)
redis.call('ZADD', inFlightUser, over, id)
redis.call('PEXPIRE', inFlightUser, leaseMs)
return { 0, 0 }`,
});

/** Asks for a place for a submission; it is given back by a commit with `releasePermit`, or after `leaseMs`. */
export async function acquirePermit(
  redis: Redis,
  id: string,
  user: string,
  caps: Caps,
  leaseMs: number,
): Promise<Permit> {
  const [code, wait] = (await acquireScript(
    redis,
    { inFlight: keys.inFlight, inFlightUser: keys.inFlightOf(user), rate: keys.rate },
    { id, maxInFlight: caps.maxInFlight, maxUser: caps.maxInFlightPerUser, ratePerSecond: caps.ratePerSecond, leaseMs },
  )) as [number, number];
  if (code === 0) return { kind: "granted" };
  if (code === 1) return { kind: "user_full" };
  return { kind: "wait", ms: code === 2 ? fullPause : wait };
}

/** How many more submissions of this user may be in flight. */
export async function roomOf(redis: Redis, user: string, caps: Caps, now: number): Promise<number | undefined> {
  if (caps.maxInFlightPerUser === 0) return undefined;
  const taken = await redis.zcount(keys.inFlightOf(user), now, "+inf");
  return Math.max(0, caps.maxInFlightPerUser - taken);
}
