import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import { parkingPause } from "../task/park.ts";

/** Tasks that the first release after a block frees; the number doubles with every further one. */
const firstRelease = 64;

/*
 * Moves a user's first parked tasks to the work stream.
 * keys   parked, held, parkedUsers, parkedPace, work, added
 * args   user, permits (most tasks to release, -1: as many as the pace allows), firstRelease
 * reply  the number of tasks released
 */
const releaseScript = defineScript({
  name: "release",
  keys: ["parked", "held", "parkedUsers", "parkedPace", "work", "added"],
  args: ["user", "permits", "firstRelease"],
  lua: `${writeCheck}
check_writes({
  { 'ZPOPMIN', parked }, { 'XADD', work }, { 'SREM', held }, { 'INCRBY', added },
  { 'ZREM', parkedUsers }, { 'HDEL', parkedPace }, { 'HSET', parkedPace }, { 'EXISTS', parked },
})
local pace = tonumber(redis.call('HGET', parkedPace, user) or firstRelease)
local count = pace
if tonumber(permits) >= 0 then count = math.min(pace, tonumber(permits)) end
local moved = 0
if count > 0 then
  local popped = redis.call('ZPOPMIN', parked, count)
  for index = 1, #popped, 2 do
    redis.call('XADD', work, '*', 'id', popped[index])
    redis.call('SREM', held, popped[index])
    moved = moved + 1
  end
  if moved > 0 then redis.call('INCRBY', added, moved) end
end
if redis.call('EXISTS', parked) == 0 then
  redis.call('ZREM', parkedUsers, user)
  redis.call('HDEL', parkedPace, user)
else
  redis.call('HSET', parkedPace, user, math.min(pace * 2, 4096))
end
return moved`,
});

/**
 * Releases a user's parked tasks, oldest first, at a pace that doubles with every call.
 * @param permits the most tasks to release; as many as the pace allows if absent
 */
export async function releaseParked(redis: Redis, user: string, permits?: number): Promise<number> {
  const reply = await releaseScript(
    redis,
    {
      parked: keys.parked(user),
      held: keys.held,
      parkedUsers: keys.parkedUsers,
      parkedPace: keys.parkedPace,
      work: keys.work,
      added: keys.added,
    },
    { user, permits: permits ?? -1, firstRelease },
  );
  return Number(reply);
}

/**
 * The users whose parked tasks are due for a check; their next check is due after another pause.
 * @param now in ms
 */
export async function dueParkedUsers(redis: Redis, now: number, limit: number): Promise<string[]> {
  const users = await redis.zrange(keys.parkedUsers, "-inf", String(now), "BYSCORE", "LIMIT", 0, limit);
  await Promise.all(users.map((user) => redis.zadd(keys.parkedUsers, "XX", String(now + parkingPause), user)));
  return users;
}
