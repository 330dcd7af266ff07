import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeAll } from "../redis/write-all.ts";
import { writeCheck } from "../redis/write-check.ts";

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
 * keys   inFlight, inFlightUser, rate, parked (the user's), clock
 * args   witness, id, maxInFlight, maxUser, ratePerSecond, leaseMs, parkedBefore (1: it comes from the parked ones)
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
  -- Whoever has tasks parked waits behind them: else each task of a long row would be tried before other users' turn.
  if parkedBefore == '0' and redis.call('EXISTS', parked) == 1 then return { 1, 0 } end
end
if tonumber(maxInFlight) > 0 and not mine and redis.call('ZCARD', inFlight) >= tonumber(maxInFlight) then return { 2, 0 } end
if tonumber(ratePerSecond) > 0 then
  local interval = 1000 / ratePerSecond
  -- Who asks a little late may catch up, or a high rate would never be reached; a low one allows no two at once.
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

/** Asks for a place for a submission; it is given back by a commit with `releasePermit`, or after `leaseMs`. */
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

/** Gives back a place that was not used. */
export async function releasePermit(redis: Redis, id: string, user: string): Promise<void> {
  await writeAll(redis, [
    ["ZREM", keys.inFlight, id],
    ["ZREM", keys.inFlightOf(user), id],
  ]);
}

/** Forgets the places that dead dispatchers have left, as each new permit does, too. @param now in ms @returns how many */
export function releaseExpiredPermits(redis: Redis, now: number): Promise<number> {
  return redis.zremrangebyscore(keys.inFlight, "-inf", now);
}

/** How many more submissions of this user may be in flight. */
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
