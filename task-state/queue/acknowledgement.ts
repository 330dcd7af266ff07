import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";

/*
 * Takes what has been read and acknowledged off the work stream, up to the first entry that is still pending. Never by
 * XDEL: once that has hit the entry that was read last, the group's lag is NULL as long as an older one is pending, and a
 * scaler that goes by the lag starts nobody (seen with Redis 7.0).
 * keys   work
 * args   group
 * reply  how many entries were taken off
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
 * Acknowledges an entry. It stays on the stream, where nobody reads it any more, until {@link trimAcknowledged}; an entry
 * that was never read is not touched.
 */
export async function acknowledge(redis: Redis, entryId: string): Promise<void> {
  await redis.xack(keys.work, dispatchGroup, entryId);
}

/** Takes acknowledged entries off the work stream; what is unread or pending stays. Safe at any time, by anybody. */
export async function trimAcknowledged(redis: Redis): Promise<number> {
  return Number(await trimScript(redis, { work: keys.work }, { group: dispatchGroup }));
}
