import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";

/*
 * Removes acknowledged entries from the work stream, up to the first entry that is still pending. Never by XDEL: once XDEL
 * removes the entry that was read last, the group's lag is NULL as long as an older one is pending, and a scaler that relies
 * on the lag starts no dispatcher (seen with Redis 7.0).
 * keys   work
 * args   group
 * reply  the number of entries removed
 */
const trimScript = defineScript({
  name: "trim",
  keys: ["work"],
  args: ["group"],
  lua: `
if redis.call('EXISTS', work) == 0 then return 0 end
local last
for _, info in ipairs(redis.call('XINFO', 'GROUPS', work)) do
  if info[2] == group then last = info[8] end
end
if not last then return 0 end
local oldest = redis.call('XPENDING', work, group, '-', '+', 1)[1]
if oldest then return redis.call('XTRIM', work, 'MINID', oldest[1]) end
local ms, seq = string.match(last, '(%d+)-(%d+)')
return redis.call('XTRIM', work, 'MINID', ms .. '-' .. string.format('%.0f', seq + 1))`,
});

/**
 * Acknowledges an entry. It stays on the stream, where it is not delivered again, until {@link trimAcknowledged}; an entry
 * that was never read is not changed.
 */
export async function acknowledge(redis: Redis, entryId: string): Promise<void> {
  await redis.xack(keys.work, dispatchGroup, entryId);
}

/** Removes acknowledged entries from the work stream; unread and pending ones stay. Safe at any time, from any process. */
export async function trimAcknowledged(redis: Redis): Promise<number> {
  return Number(await trimScript(redis, { work: keys.work }, { group: dispatchGroup }));
}
