import type { Redis } from "ioredis";
import { defineScript } from "../redis/script.ts";

/*
 * All names share one score, so the place behind a name is found by bisection over the ranks.
 * keys   ordered
 * args   cursor, order, count
 * reply  the ids
 */
const behindNameScript = defineScript({
  name: "ids-behind-name",
  keys: ["ordered"],
  args: ["cursor", "order", "count"],
  lua: `
-- By bytes, as Redis orders members; Lua's own comparison depends on the locale.
local function precedes(a, b)
  for index = 1, math.min(#a, #b) do
    local left, right = string.byte(a, index), string.byte(b, index)
    if left ~= right then return left < right end
  end
  return #a < #b
end
local function member(rank) return redis.call('ZRANGE', ordered, rank, rank)[1] end
local low, high = redis.call('ZCOUNT', ordered, '-inf', '(+inf'), redis.call('ZCARD', ordered)
while low < high do
  local middle = math.floor((low + high) / 2)
  if precedes(member(middle), cursor) then low = middle + 1 else high = middle end
end
if order == 'asc' then
  if member(low) == cursor then low = low + 1 end
  return redis.call('ZRANGE', ordered, low, low + count - 1)
end
local ids = {}
if low == 0 then return ids end
local before = redis.call('ZRANGE', ordered, math.max(0, low - count), low - 1)
for index = #before, 1, -1 do ids[#ids + 1] = before[index] end
return ids`,
});

/**
 * Reads up to `count` ids after a name that is a cursor: ascending, the names behind it; descending, those before it and then
 * the numbers. The name itself need not exist. O(count + log² n) for n ids.
 */
export async function idsBehindName(
  redis: Redis,
  ordered: string,
  order: "asc" | "desc",
  cursor: string,
  count: number,
): Promise<string[]> {
  return (await behindNameScript(redis, { ordered }, { cursor, order, count })) as string[];
}
