import type { Redis } from "ioredis";
import { TaskStateError } from "../redis/errors.ts";
import { keys, largestTaskId, named } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";

/** Why no id can be assigned. */
export type SequenceFault = "sequence_damaged" | "ids_taken";

/** Ids in use that one call skips; the next call continues after them. */
const mostSteps = 1000;
/** 2^62: a lost sequence continues after an id below this, so that as many ids follow, whatever ids other programs choose. */
const jumpLimit = "4611686018427387904";

/*
 * Lua: read_sequence() returns the sequence as decimal digits, '0' if no id was assigned yet, nil if it cannot be incremented:
 * it is no integer, has another type, or is at its end.
 */
const reading = `
local largest = '${largestTaskId}'
local function is_below(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function read_sequence()
  local value = redis.pcall('GET', sequence)
  if type(value) == 'table' then
    if string.find(value.err, 'WRONGTYPE', 1, true) then return nil end
    error(value)
  end
  if not value or value == '0' then return '0' end
  local below_zero = string.match(value, '^%-([1-9]%d*)$')
  if below_zero then return #below_zero <= #largest and '0' or nil end
  return string.match(value, '^[1-9]%d*$') and is_below(value, largest) and value or nil
end`;

/**
 * Lua: `next_ids(count)` returns `count` unused ids in order, and the next value of the sequence; else nil, a value from which the
 * sequence may continue (nil: leave it), and an error that {@link sequenceFaultOf} parses.
 * It writes nothing. Expects the locals sequence, deleted and ordered_tasks (names of keys).
 *
 * A sequence that was lost or restored from an old dump meets ids in use: it jumps beyond the highest indexed id below the
 * limit of jumps, and skips ids that other programs stored beyond that without an index.
 */
export const nextIds = `${reading}
-- Lua's own numbers are exact up to 2^53 only.
local function after(number)
  if #number < 16 then return string.format('%.0f', number + 1) end
  local head, tail = string.sub(number, 1, -10), string.sub(number, -9) + 1
  if tail < 1e9 then return head .. string.format('%09.0f', tail) end
  return after(head) .. '000000000'
end
local function are_free(ids)
  local names = {}
  for index, id in ipairs(ids) do
    names[3 * index - 2] = '${keys.record("")}' .. id
    names[3 * index - 1] = ${named(keys.metadata)}
    names[3 * index] = '${keys.sidecar("")}' .. id
  end
  if redis.call('EXISTS', unpack(names)) > 0 then return false end
  for _, score in ipairs(redis.call('ZMSCORE', deleted, unpack(ids))) do
    if score then return false end
  end
  return true
end
local function highest_indexed()
  local tops = redis.call('ZRANGE', ordered_tasks, '(${jumpLimit}', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 10)
  for _, top in ipairs(tops) do
    if string.match(top, '^[1-9]%d*$') and is_below(top, '${jumpLimit}') then return top end
  end
  return '0'
end
local function next_ids(count)
  local last = read_sequence()
  if not last then return nil, nil, 'SEQUENCEDAMAGED' end
  local from, jumped = last, false
  local function behind_indexed(number)
    jumped = true
    local top = highest_indexed()
    return is_below(number, top) and top or number
  end
  if last == '0' then from = behind_indexed(last) end
  local ids, number = {}, from
  for index = 1, count do
    number = after(number)
    ids[index] = number
  end
  if not is_below(largest, number) and are_free(ids) then return ids, number end
  local taken = 0
  ids, number = {}, from
  while #ids < count do
    if number == largest then return nil, nil, 'SEQUENCEDAMAGED' end
    number = after(number)
    if are_free({ number }) then
      ids[#ids + 1] = number
    else
      taken = taken + 1
      if taken > ${mostSteps} then return nil, number, 'IDSTAKEN' end
      if not jumped then number = behind_indexed(number) end
    end
  end
  return ids, number
end`;

/*
 * Searches an id as a submission does, and writes nothing. A user who may not read the keys of tasks learns only whether the
 * sequence is damaged.
 * keys   sequence, deleted, tasks
 * reply  the error of a submission · '' it would find an id
 */
const checkScript = defineScript({
  name: "check-sequence",
  keys: ["sequence", "deleted", "tasks"],
  args: [],
  lua: `local ordered_tasks = '${keys.ordered("")}' .. tasks
${nextIds}
if not read_sequence() then return 'SEQUENCEDAMAGED' end
local searched, ids, _, fault = pcall(next_ids, 1)
return searched and not ids and fault or ''`,
});

/** Why a submission would find no id now; `undefined` if it would find one. Takes one round trip and changes nothing. */
export async function findSequenceFault(redis: Redis): Promise<SequenceFault | undefined> {
  const { sequence, deleted, tasks } = keys;
  return faults[String(await checkScript(redis, { sequence, deleted, tasks }, {}))];
}

/** The reason why a submission's script found no id; `undefined` for any other error. */
export function sequenceFaultOf(error: unknown): SequenceFault | undefined {
  const [word = ""] = error instanceof Error ? error.message.split(" ", 1) : [];
  return faults[word];
}

const faults: Readonly<Record<string, SequenceFault>> = { SEQUENCEDAMAGED: "sequence_damaged", IDSTAKEN: "ids_taken" };

/** The error for the client whose submission failed. */
export function sequenceError(fault: SequenceFault): TaskStateError {
  return new TaskStateError(fault, messages[fault]);
}

const messages: Readonly<Record<SequenceFault, string>> = {
  sequence_damaged: "No task can be submitted: the sequence of task ids is damaged, and an operator must set it right",
  ids_taken: "The next task ids are all in use by other programs; try again",
};

/** What an operator must do about the fault, for the log. */
export function sequenceAdvice(fault: SequenceFault): string {
  return fault === "sequence_damaged"
    ? `${keys.sequence} is not an integer, or no id after it is free: no task can be submitted until it is set to the highest task id in use, or deleted if that is 2^63-1`
    : `${mostSteps} ids after ${keys.sequence} are in use by tasks that no index lists; each submission skips as many more: set it to the highest task id in use`;
}
