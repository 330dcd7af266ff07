import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";
import { clockFunction, compareClocks, type RedisClock, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeAll } from "../redis/write-all.ts";
import { writeCheck } from "../redis/write-check.ts";

/*
 * A task's lease names its dispatcher. It is valid as long as that dispatcher sends heartbeats, which renew all its leases at
 * once; each claim counts as a heartbeat, too.
 */

/** Time without a heartbeat after which a dispatcher is not listed any more, in ms. */
export const recentHeartbeat = 15_000;
/** How long the expiry of a silent dispatcher's leases is kept, in ms. */
const memory = 10 * 60_000;

/**
 * Lua: holds(leases, holder, untilWall, watched, wall) is true while the leases of this dispatcher are valid. Earlier versions
 * store no heartbeats there: their leases expire by Redis's own time, `untilWall` in ms.
 */
export const leaseFunction = `
local function holds(leases, holder, untilWall, watched, wall)
  local over = redis.call('ZSCORE', leases, holder)
  if over then return tonumber(over) > watched end
  return untilWall and tonumber(untilWall) > wall
end`;

/*
 * keys   clock, leases, dispatchers
 * args   witness, holder, leaseMs, recent, memory (ms)
 * reply  Redis's own time in ms
 */
const heartbeatScript = defineScript({
  name: "heartbeat",
  keys: ["clock", "leases", "dispatchers"],
  args: ["witness", "holder", "leaseMs", "recent", "memory"],
  lua: `${writeCheck}${clockFunction}
check_writes({
  { 'ZADD', leases }, { 'ZREMRANGEBYSCORE', leases }, { 'ZADD', dispatchers }, { 'ZREMRANGEBYSCORE', dispatchers },
})
local now, watched, wall = tick_clock(clock, witness)
redis.call('ZADD', leases, string.format('%.0f', watched + leaseMs), holder)
redis.call('ZREMRANGEBYSCORE', leases, '-inf', string.format('%.0f', watched - memory))
redis.call('ZADD', dispatchers, string.format('%.0f', now), holder)
redis.call('ZREMRANGEBYSCORE', dispatchers, '-inf', string.format('%.0f', now - recent))
return string.format('%.0f', wall)`,
});

/** Sends a heartbeat: all leases of `holder` are valid for `leaseMs` from now, by the watched time. */
export async function sendHeartbeat(redis: Redis, holder: string, leaseMs: number): Promise<void> {
  const { clock, leases, dispatchers } = keys;
  await compareClocks(redis, () =>
    heartbeatScript(
      redis,
      { clock, leases, dispatchers },
      { witness: witness(redis), holder, leaseMs, recent: recentHeartbeat, memory },
    ),
  );
}

/** Removes a dispatcher; its remaining leases end. */
export async function deregisterDispatcher(redis: Redis, holder: string): Promise<void> {
  await writeAll(redis, [
    ["ZREM", keys.leases, holder],
    ["ZREM", keys.dispatchers, holder],
  ]);
}

/** Removes dead dispatchers, as each heartbeat does. @returns how many */
export async function forgetDispatchers(redis: Redis, { now, watched }: RedisClock): Promise<number> {
  const forgotten = await redis.zremrangebyscore(keys.dispatchers, "-inf", now - recentHeartbeat);
  return forgotten + (await redis.zremrangebyscore(keys.leases, "-inf", watched - memory));
}
