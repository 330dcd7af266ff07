import type { Redis } from "ioredis";
import { keys, named } from "../redis/keys.ts";
import { type Lifetimes, metadataTtl, sidecarTtl } from "../redis/lifetimes.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { createTaskBatch, type TaskWords } from "../redis/task-batch.ts";
import { rightCheck } from "../redis/write-check.ts";
import { nextIds } from "./id-sequence.ts";

/*
 * Stores new tasks, each one completely. Keys that several of them share are written once.
 * keys   the id sequence, the counter of the work stream's entries, the set of all tasks, the work stream, the deleted ids,
 *        the clock
 * args   witness, ttl, metadataTtl, sidecarTtl (seconds); then per task: tail (the record after its task_id), service, user, phase,
 *        trace and request ('' for none), 1 to set the expiry of its sets (else 0), and the sets of its service, of that service's users, of
 *        its owner and of its user
 * reply  per task: { its id } · the error of one of its keys that has the wrong type; then the task is not stored
 */
const storing = {
  keys: ["sequence", "added", "tasks", "work", "deleted", "clock"],
  args: ["witness", "ttl", "metadataTtl", "sidecarTtl"],
  lua: `${clockFunction}
local since = string.format('%.0f', (read_clock(clock, witness)))
local function ordered(set) return '${keys.ordered("")}' .. set end
local ordered_tasks = ordered(tasks)
${rightCheck}
${nextIds}

-- The sets whose expiry is set: those that a task requests, and new ones.
local refreshed = { [tasks] = redis.call('SCARD', tasks) == 0 }
redis.call('ZCARD', ordered_tasks)
redis.call('XLEN', work)
local place = redis.call('GET', added) or '0'
if not string.match(place, '^%d+$') then return redis.error_reply('ERR value is not an integer: ' .. added) end
local seen = {}
local function fault_in(command, key)
  if seen[key] == nil then
    local reply = redis.pcall(command, key)
    seen[key] = type(reply) == 'table' and reply.err
    if reply == 0 and command == 'SCARD' then refreshed[key] = true end
  end
  return seen[key]
end
local function fault_of(_, _, _, _, _, _, _, service, users, owner, user)
  for _, set in ipairs({ service, users, owner }) do
    local fault = fault_in('SCARD', set) or fault_in('ZCARD', ordered(set))
    if fault then return fault end
  end
  return fault_in('SCARD', user)
end

-- The members to add to each set: ids, users, and ids of sets without an ordered twin.
local ids, users_of, plain = {}, {}, {}
local function add(sets, set, member)
  local members = sets[set]
  if members then members[#members + 1] = member else sets[set] = { member } end
end
local function check_sets(sets, with_twin)
  for set in pairs(sets) do
    check_right('SADD', set)
    if refreshed[set] then check_right('EXPIRE', set) end
    if with_twin then check_right('ZADD', ordered(set)) end
  end
end
local function add_all(set, members)
  redis.call('SADD', set, unpack(members))
  if refreshed[set] then redis.call('EXPIRE', set, ttl) end
end
-- The arguments of ZADD: each member after its score, which is the member itself if none is given.
local function scored(members, score)
  local flat = {}
  for index, member in ipairs(members) do
    flat[2 * index - 1] = score or member
    flat[2 * index] = member
  end
  return unpack(flat)
end

local function prepare(id, _, _, user_id, _, _, _, refresh, service, users, owner, user)
  local metadata, sidecar = ${named(keys.metadata)}, ${named(keys.sidecar)}
  check_right('SET', ${named(keys.record)})
  check_right('HSET', metadata)
  check_right('EXPIRE', metadata)
  check_right('HSET', sidecar)
  check_right('EXPIRE', sidecar)
  add(ids, tasks, id)
  add(ids, service, id)
  add(ids, owner, id)
  add(users_of, users, user_id)
  add(plain, user, id)
  if refresh == '1' then
    for _, set in ipairs({ tasks, service, users, owner, user }) do refreshed[set] = true end
  end
end

local function store(id, tail, service_id, user_id, phase, trace, request)
  local metadata, sidecar = ${named(keys.metadata)}, ${named(keys.sidecar)}
  redis.call('SET', ${named(keys.record)}, '{"task_id":"' .. id .. '",' .. tail, 'EX', ttl)
  redis.call('HSET', metadata, 'service', service_id, 'user_id', user_id)
  redis.call('EXPIRE', metadata, metadataTtl)
  local more = {}
  if phase == 'queued' then
    redis.call('XADD', work, '*', 'id', id)
    place = place + 1
    more = { 'place', string.format('%.0f', place) }
  end
  if trace ~= '' then
    more[#more + 1] = 'trace'
    more[#more + 1] = trace
  end
  if request ~= '' then
    more[#more + 1] = 'request'
    more[#more + 1] = request
  end
  redis.call('HSET', sidecar, 'service', service_id, 'user', user_id, 'phase', phase, 'rev', 1, 'since', since, unpack(more))
  redis.call('EXPIRE', sidecar, sidecarTtl)
end

local width = 11
local function words(task)
  local index = first + (task - 1) * width
  return unpack(ARGV, index, index + width - 1)
end
local function store_all()
  local replies, good, queued = {}, 0, 0
  for task = 1, (#ARGV - first + 1) / width do
    local fault = fault_of(words(task))
    replies[task] = fault
    if not fault then good = good + 1 end
    if not fault and ARGV[first + (task - 1) * width + 3] == 'queued' then queued = queued + 1 end
  end
  if good == 0 then return replies end
  local numbers, last, sequence_fault = next_ids(good)
  if numbers or last then check_right('SET', sequence) end
  if not numbers then
    if last then redis.call('SET', sequence, last) end
    return redis.error_reply(sequence_fault .. ' there is no id for a new task')
  end
  if queued > 0 then
    check_right('XADD', work)
    check_right('INCRBY', added)
  end
  local given = 0
  for task, fault in ipairs(replies) do
    if not fault then
      given = given + 1
      replies[task] = { numbers[given] }
      prepare(numbers[given], words(task))
    end
  end
  check_sets(ids, true)
  check_sets(users_of, true)
  check_sets(plain, false)

  redis.call('SET', sequence, last)
  if queued > 0 then redis.call('INCRBY', added, queued) end
  for task, reply in ipairs(replies) do
    if type(reply) == 'table' then store(reply[1], words(task)) end
  end
  for set, members in pairs(ids) do
    add_all(set, members)
    redis.call('ZADD', ordered(set), scored(members))
  end
  for set, members in pairs(users_of) do
    add_all(set, members)
    redis.call('ZADD', ordered(set), scored(members, 0))
  end
  for set, members in pairs(plain) do add_all(set, members) end
  return replies
end`,
} as const;

const submitScript = defineScript({
  name: "submit",
  ...storing,
  lua: `${storing.lua}\nreturn store_all()`,
});

/*
 * Stores one new task unless its idempotency key is known.
 * keys   also: the key that remembers the idempotency key
 * args   also: digest of the parameters, memoryTtl in seconds
 * reply  { 1 stored · 0 known, task id, digest of the first submission's parameters }
 */
export const submitOnceScript = defineScript({
  name: "submit-once",
  keys: [...storing.keys, "memory"],
  args: [...storing.args, "digest", "memoryTtl"],
  lua: `
local known = redis.call('GET', memory)
if known then
  -- A write, so that a wait for replicas covers what was stored before.
  redis.call('SET', memory, known, 'KEEPTTL')
  local space = string.find(known, ' ', 1, true)
  return { 0, string.sub(known, 1, space - 1), string.sub(known, space + 1) }
end
${storing.lua}
check_right('SET', memory)
local replies = store_all()
if replies.err then return replies end
if type(replies[1]) == 'string' then return redis.error_reply(replies[1]) end
local id = replies[1][1]
redis.call('SET', memory, id .. ' ' .. digest, 'EX', memoryTtl)
return { 1, id, digest }`,
});

/** Stores a task with the arguments above, and returns its id. */
export type Submitter = (words: TaskWords) => Promise<string>;

/** Batches the submissions of a process. */
export function createSubmitter(writer: Redis, lifetimes: Lifetimes): Submitter {
  const inputs = submitInputs(lifetimes);
  const store = createTaskBatch<[id: string]>((words) =>
    submitScript(writer, inputs.keys, { ...inputs.args, witness: witness(writer) }, words),
  );
  return async (words) => (await store(words))[0];
}

/** The arguments of both scripts except the task and the time. */
export function submitInputs(lifetimes: Lifetimes) {
  const { sequence, added, tasks, work, deleted, clock } = keys;
  return {
    keys: { sequence, added, tasks, work, deleted, clock },
    args: {
      ttl: lifetimes.ttlSeconds,
      metadataTtl: metadataTtl(lifetimes),
      sidecarTtl: sidecarTtl(lifetimes),
    },
  };
}
