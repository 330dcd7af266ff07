import { keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import type { TaskStateContext } from "../task/context.ts";

/** What one check of a list's keys shows of the tasks that other programs have added. */
export interface Signs {
  /** Members of the shared set. */
  readonly size: number;
  /** Members of its ordered twin. */
  readonly indexed: number;
  /** The highest number that the sequence has given out; 0 if it cannot tell. */
  readonly last: number;
  /** The number up to which every id of the sequence is checked, with this check. */
  readonly reached: number;
  /** The number up to which earlier checks came. */
  readonly from: number;
  /** Numbers of the sequence that have a record and are in no index of ours. */
  readonly written: readonly string[];
  /** Numbers of the sequence that have no record: their program has not stored it yet, or the task is gone. */
  readonly unwritten: readonly string[];
  /** Members of the shared set that its twin lacks; only compared as far as {@link bounds} say. */
  readonly behind: readonly string[];
  /** Members of the twin that the shared set lacks and that have no record; only found together with `behind`, if sizes differ. */
  readonly stale: readonly string[];
}

/** The limits of one check. */
export const bounds = {
  /** Unknown numbers in one reply; the caller continues until it has reached the last one. */
  numbers: 1000,
  /** If more numbers are unknown, only so many below the last one are checked. Older tasks are found by the sets alone. */
  newest: 10_000,
  /** The largest set that is always compared member by member. */
  compared: 128,
  /** The largest set that is compared if its size differs from that of its twin. */
  comparedIfUnequal: 2000,
} as const;

/*
 * Other programs take their ids from the same sequence. So the numbers that it has given out since the last check and that our
 * index of all tasks does not hold are exactly their new tasks, and ours that were deleted meanwhile. ZCOUNT finds them by
 * bisection. It is not used beyond 2^53, where scores are no longer exact.
 * keys   sequence, seen, unwritten, deleted, tasks (ordered), set, ordered (its twin)
 * args   recordPrefix, numbers, newest, compared, comparedIfUnequal (see `bounds`)
 * reply  { size, indexed, last, reached, from, written, unwritten, behind, stale }
 */
const signsScript = defineScript({
  name: "signs",
  keys: ["sequence", "seen", "unwritten", "deleted", "tasks", "set", "ordered"],
  args: ["recordPrefix", "numbers", "newest", "compared", "comparedIfUnequal"],
  lua: `
numbers, newest = tonumber(numbers), tonumber(newest)
local function text(number) return string.format('%.0f', number) end
local function integer(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and #value < 16 and tonumber(string.match(value, '^%d+$')) or nil
end
local function unknown_in(low, high)
  return high - low + 1 - redis.call('ZCOUNT', tasks, text(low), text(high))
end

local last, from = integer(sequence) or 0, integer(seen)
if not from or from > last or (last - from > newest and unknown_in(from + 1, last) > newest) then
  from = math.max(0, last - newest)
end
local reached, found = last, {}
local function list(low, high)
  local known = {}
  for _, id in ipairs(redis.call('ZRANGE', tasks, text(low), text(high), 'BYSCORE')) do known[id] = true end
  for number = low, high do
    if #found == numbers then
      reached = number - 1
      return
    end
    if not known[text(number)] then found[#found + 1] = text(number) end
  end
end
local function search(low, high)
  if reached < last or unknown_in(low, high) <= 0 then return end
  if high - low < 100 then return list(low, high) end
  local middle = math.floor((low + high) / 2)
  search(low, middle)
  search(middle + 1, high)
end
if from < last then search(from + 1, last) end

local time = redis.call('TIME')
for _, id in ipairs(redis.call('ZRANGE', unwritten, time[1] * 1000, '+inf', 'BYSCORE')) do
  if not redis.call('ZSCORE', tasks, id) then found[#found + 1] = id end
end
local written, gaps = {}, {}
for _, id in ipairs(found) do
  if not redis.call('ZSCORE', deleted, id) then
    local ids = redis.call('EXISTS', recordPrefix .. id) == 1 and written or gaps
    ids[#ids + 1] = id
  end
end

local size, indexed = redis.call('SCARD', set), redis.call('ZCARD', ordered)
local behind, stale = {}, {}
if size > 0 and (size <= tonumber(compared) or (size ~= indexed and size <= tonumber(comparedIfUnequal))) then
  -- Read as a whole: single look-ups in a short sorted set are slow, because Redis keeps it as a list.
  local known = {}
  for _, member in ipairs(redis.call('ZRANGE', ordered, 0, 2 * size)) do known[member] = true end
  local cursor = '0'
  repeat
    local step = redis.call('SSCAN', set, cursor, 'COUNT', 1000)
    cursor = step[1]
    for _, member in ipairs(step[2]) do
      if known[member] then
        known[member] = nil
      elseif not redis.call('ZSCORE', ordered, member) and not redis.call('ZSCORE', deleted, member) then
        behind[#behind + 1] = member
      end
    end
  until cursor == '0'
  -- Stale members would hide a new one, because the sizes are equal again.
  for member in pairs(known) do
    if redis.call('EXISTS', recordPrefix .. member) == 0 then stale[#stale + 1] = member end
  end
end
return { size, indexed, text(last), text(reached), text(from), written, gaps, behind, stale }`,
});

/** Checks for tasks of other programs, in one round trip that writes nothing. */
export async function readSigns({ primary }: TaskStateContext, set: string): Promise<Signs> {
  const { sequence, seen, unwritten, deleted, tasks, ordered } = keys;
  const reply = await signsScript(
    primary,
    { sequence, seen, unwritten, deleted, tasks: ordered(tasks), set, ordered: ordered(set) },
    { recordPrefix: keys.record(""), ...bounds },
  );
  const [size, indexed, last, reached, from, written, gaps, behind, stale] = reply as [
    number,
    number,
    ...numbers: [string, string, string],
    ...ids: [string[], string[], string[], string[]],
  ];
  return {
    ...{ size, indexed, last: Number(last), reached: Number(reached), from: Number(from) },
    ...{ written, unwritten: gaps, behind, stale },
  };
}
