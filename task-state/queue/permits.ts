import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeAll } from "../redis/write-all.ts";
import { writeCheck } from "../redis/write-check.ts";

/** Limits that all dispatchers share; 0: no limit. */
export interface Caps {
  readonly maxInFlight: number;
  readonly maxInFlightPerUser: number;
  readonly ratePerSecond: number;
}

export type Permit =
  | { readonly kind: "granted" }
  /** This user has as many submissions in flight as allowed. */
  | { readonly kind: "user_full" }
  /** A limit for all users is reached; request again after `ms`. */
  | { readonly kind: "wait"; readonly ms: number };

/** Wait before the next request while no permit is free, in ms. */
const fullPause = 25;

/*
 * Grants a permit for a submission if all limits allow it. The permits of dead dispatchers expire.
 * keys   inFlight, inFlightUser, rate, parked (the user's), clock
 * args   witness, id, maxInFlight, maxUser, ratePerSecond, leaseMs, parkedBefore (1: the task was parked)
 * reply  { 0 granted · 1 user full · 2 all full · 3 too fast, ms to wait }
 */
const acquireScript = defineScript({
  name: "acquire",
  keys: ["inFlight", "inFlightUser", "rate", "parked", "clock"],
  args: ["witness", "id", "maxInFlight", "maxUser", "ratePerSecond", "leaseMs", "parkedBefore"],
  lua: `${writeCheck}${clockFunction}
check_writes({
  { 'ZREMRANGEBYSCORE', inFlight }, { 'ZREMRANGEBYSCORE', inFlightUser }, { 'SET', rate },
  { 'ZADD', inFlight }, { 'ZADD', inFlightUser }, { 'PEXPIRE', inFlightUser },
})
local now = tick_clock(clock, witness)
redis.call('ZREMRANGEBYSCORE', inFlight, '-inf', now)
redis.call('ZREMRANGEBYSCORE', inFlightUser, '-inf', now)
local mine = redis.call('ZSCORE', inFlight, id)
if tonumber(maxUser) > 0 and not mine then
  if redis.call('ZCARD', inFlightUser) >= tonumber(maxUser) then return { 1, 0 } end
  -- A user's new task waits behind the parked ones: else each task of a long queue would be tried before other users' tasks.
  if parkedBefore == '0' and redis.call('EXISTS', parked) == 1 then return { 1, 0 } end
end
if tonumber(maxInFlight) > 0 and not mine and redis.call('ZCARD', inFlight) >= tonumber(maxInFlight) then return { 2, 0 } end
if tonumber(ratePerSecond) > 0 then
  local interval = 1000 / ratePerSecond
  -- A late request may catch up, or a high rate would never be reached; a low rate allows no two submissions at once.
  local grace = interval < 100 and math.max(interval, 20) or 0
  local free = tonumber(redis.call('GET', rate) or 0)
  if free > now then return { 3, math.ceil(free - now) } end
  redis.call('SET', rate, string.format('%.3f', math.max(free, now - grace) + interval), 'PX', math.ceil(interval * 2) + 1000)
end
local over = string.format('%.0f', now + leaseMs)
redis.call('ZADD', inFlight, over, id)
redis.call('ZADD', inFlightUser, over, id)
redis.call('PEXPIRE', inFlightUser, leaseMs)
return { 0, 0 }`,
});

/** Requests a permit for a submission; a commit with `releasePermit` releases it, or it expires after `leaseMs`. */
export async function acquirePermit(
  redis: Redis,
  id: string,
  user: string,
  caps: Caps,
  leaseMs: number,
  parkedBefore = false,
): Promise<Permit> {
  const [code, wait] = (await acquireScript(
    redis,
    {
      inFlight: keys.inFlight,
      inFlightUser: keys.inFlightOf(user),
      rate: keys.rate,
      parked: keys.parked(user),
      clock: keys.clock,
    },
    {
      witness: witness(redis),
      id,
      maxInFlight: caps.maxInFlight,
      maxUser: caps.maxInFlightPerUser,
      ratePerSecond: caps.ratePerSecond,
      leaseMs,
      parkedBefore: parkedBefore ? 1 : 0,
    },
  )) as [number, number];
  if (code === 0) return { kind: "granted" };
  if (code === 1) return { kind: "user_full" };
  return { kind: "wait", ms: code === 2 ? fullPause : wait };
}

/** Releases a permit that was not used. */
export async function releasePermit(redis: Redis, id: string, user: string): Promise<void> {
  await writeAll(redis, [
    ["ZREM", keys.inFlight, id],
    ["ZREM", keys.inFlightOf(user), id],
  ]);
}

/** Removes the expired permits of dead dispatchers, as each new permit does. @param now in ms @returns how many */
export function releaseExpiredPermits(redis: Redis, now: number): Promise<number> {
  return redis.zremrangebyscore(keys.inFlight, "-inf", now);
}

/** The number of free permits of this user; `undefined` without a limit. */
export async function availablePermits(
  redis: Redis,
  user: string,
  caps: Caps,
  now: number,
): Promise<number | undefined> {
  if (caps.maxInFlightPerUser === 0) return undefined;
  const taken = await redis.zcount(keys.inFlightOf(user), now, "+inf");
  return Math.max(0, caps.maxInFlightPerUser - taken);
}
