import { editFunction } from "../record/record-edit.ts";
import { maxRecordBytes, tooLarge } from "../record/record-reader.ts";
import { mayNameTaskFunction } from "../redis/keys.ts";
import { clockFunction } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import { leaseFunction } from "./leases.ts";

/*
 * Takes the lease of each task without a valid lease, reads the task, and begins it if it is fresh.
 * A task whose lease another dispatcher holds gets a new revision instead: the holder cannot commit against the old revision
 * and reads the task again before it releases the lease, so the entry is acknowledged. The entry of a task that is gone is
 * acknowledged, too. An entry that was taken over stays pending: the holder may have died with this very entry, and then no
 * other entry would lead to the task.
 * A task whose lease the caller itself holds also gets a new revision, unless the caller says that it is not working on it.
 * The fate of a submission that another dispatcher left under way is checked after the grace, counted from now.
 * keys   work, deleted, paused, blocksAll, clock, leases
 * args   witness, group, holder, leaseMs, grace (ms), recordPrefix, metadataSuffix, sidecarPrefix, blocksPrefix, ttl, metadataTtl,
 *        sidecarTtl (seconds), maxBytes (of records in one call); of the change that begins a fresh
 *        task: from, to ('' for none), tail, nextTail, checkAfter (ms), patch (sidecar fields and values as a JSON list);
 *        then entry id and task id of each
 * reply  { now, watched, wall (ms), pause or false, blocks of all or false,
 *          per task: false · 1 the caller holds the lease already · 2 not read, because the call reached its limit of bytes
 *          · { record or false, sidecar as a flat list, deleted 0|1, blocks of its user or false, checkAt or false }
 *          · why its keys cannot be read
 *          · begun: { record, { service, user, rev, place, trace, since and request or false } of the sidecar before } }
 */
const claiming = {
  keys: ["work", "deleted", "paused", "blocksAll", "clock", "leases"],
  args: [
    "witness",
    "group",
    "holder",
    "leaseMs",
    "grace",
    "recordPrefix",
    "metadataSuffix",
    "sidecarPrefix",
    "blocksPrefix",
    "ttl",
    "metadataTtl",
    "sidecarTtl",
    "maxBytes",
    "from",
    "to",
    "tail",
    "nextTail",
    "checkAfter",
    "patch",
  ],
  lua: `${writeCheck}${editFunction}${clockFunction}${leaseFunction}
local now, watched, wall = tick_clock(clock, witness)
local function whole(number) return string.format('%.0f', number) end
-- Another type than a string blocks no task: the scheduler itself still refuses.
local function text_of(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value
end
local reply = { whole(now), whole(watched), whole(wall), text_of(paused), text_of(blocksAll) }

local function blocks_somebody(block)
  if not block then return false end
  local valid, value = pcall(cjson.decode, block)
  if not valid or type(value) ~= 'table' then return false end
  return value.blocked == true or type(value.blocked_users) == 'table' and next(value.blocked_users) ~= nil
end
local may_begin = to ~= '' and not reply[4] and not blocks_somebody(reply[5])
local over = whole(wall + leaseMs)
local at_begin = may_begin and { 'checkAt', whole(watched + checkAfter), unpack(cjson.decode(patch)) }
check_write('ZADD', leases)
redis.call('ZADD', leases, whole(watched + leaseMs), holder)

-- Any change of a task since its submission leaves a field that is not among these.
local at_first = {}
for _, field in ipairs({ 'service', 'user', 'phase', 'rev', 'place', 'trace', 'since', 'request' }) do at_first[field] = true end
local user_blocks = {}
local function blocks_of(user)
  if user_blocks[user] == nil then user_blocks[user] = text_of(blocksPrefix .. user) end
  return user_blocks[user]
end

local bytes = 0
-- deliveries: how often the entry was delivered; idle: the caller works on no task whose lease it holds
local function claim_whole(entry, id, deliveries, idle)
  if bytes >= tonumber(maxBytes) then return 2 end
  local record, sidecar = recordPrefix .. id, sidecarPrefix .. id
  local flat = redis.pcall('HGETALL', sidecar)
  if flat.err then
    if not string.find(flat.err, 'WRONGTYPE', 1, true) then redis.call('HGETALL', sidecar) end
    return flat.err
  end
  local known, fresh = {}, may_begin
  for field = 1, #flat, 2 do
    known[flat[field]] = flat[field + 1]
    fresh = fresh and at_first[flat[field]]
  end
  if known.leaseUntil and not tonumber(known.leaseUntil) then return "the sidecar's leaseUntil is no number" end
  check_right('HINCRBY', sidecar)
  check_right('HSET', sidecar)
  check_right('XACK', work)
  local other = known.lease and known.lease ~= holder
  if known.lease and not (known.lease == holder and idle) and holds(leases, known.lease, known.leaseUntil, watched, wall) then
    redis.call('HINCRBY', sidecar, 'rev', 1)
    if not other then return 1 end
    if deliveries == 1 then redis.call('XACK', work, group, entry) end
    return false
  end
  if #flat == 0 then
    redis.call('XACK', work, group, entry)
    return false
  end
  local raw = redis.pcall('GET', record)
  if type(raw) == 'table' then
    if not string.find(raw.err, 'WRONGTYPE', 1, true) then redis.call('GET', record) end
    return raw.err
  end
  if raw and #raw > ${maxRecordBytes} then return '${tooLarge}' end
  bytes = bytes + (raw and #raw or 0)
  local gone = redis.call('ZSCORE', deleted, id)
  local blocks = blocks_of(known.user or '')
  local next_raw = fresh and known.phase == 'queued' and raw and not gone and not blocks_somebody(blocks)
    and edit(raw, id, from, to, tail, nextTail)
  if next_raw then
    check_right('SET', record)
    check_right('EXPIRE', record .. metadataSuffix)
    check_right('EXPIRE', sidecar)
  end
  local judged = other and known.phase == 'sending' and whole(math.max(known.checkAt or 0, watched + grace))
  local more = next_raw and at_begin or judged and { 'checkAt', judged } or {}
  redis.call('HSET', sidecar, 'rev', whole((known.rev or 0) + 1), 'lease', holder, 'leaseUntil', over, unpack(more))
  if not next_raw then return { raw, flat, gone and 1 or 0, blocks, judged } end
  redis.call('SET', record, next_raw, 'EX', ttl)
  redis.call('EXPIRE', record .. metadataSuffix, metadataTtl)
  redis.call('EXPIRE', sidecar, sidecarTtl)
  local place, trace, since, request = known.place or false, known.trace or false, known.since or false, known.request or false
  return { next_raw, { known.service, known.user, known.rev, place, trace, since, request } }
end
-- An invalid sidecar fails its own task only; an error of Redis itself fails the call.
local function claim(entry, id, deliveries, idle)
  local done, reply = pcall(claim_whole, entry, id, deliveries, idle)
  if done then return reply end
  local fault = type(reply) == 'table' and reply.err or tostring(reply)
  for _, own in ipairs({ 'WRONGTYPE', 'not an integer', 'attempt to ' }) do
    if string.find(fault, own, 1, true) then return fault end
  end
  return claim_whole(entry, id, deliveries, idle)
end`,
} as const;

/*
 * Claims the tasks of entries that were read and are still pending for the caller.
 * args   also: idle (1: the caller is working on none of the tasks whose leases it holds)
 */
export const claimScript = defineScript({
  name: "claim",
  ...claiming,
  args: [...claiming.args, "idle"],
  lua: `${claiming.lua}
-- An entry that another dispatcher has taken over, and perhaps acknowledged, gives no right to its task any more: a lease
-- without a pending entry would make others acknowledge theirs, and nothing would bring the task back after a death.
for index = first, #ARGV, 2 do
  local entry, id = ARGV[index], ARGV[index + 1]
  local pending = redis.call('XPENDING', work, group, entry, entry, 1, holder)[1]
  reply[#reply + 1] = pending and claim(entry, id, pending[4], idle == '1') or false
end
return reply`,
});

/*
 * Reads new entries for a consumer and claims their tasks.
 * args   also: count, but no entries
 * reply  as above, but per entry: { entry id, its fields, claim }
 */
export const readAndClaimScript = defineScript({
  name: "read-and-claim",
  ...claiming,
  args: [...claiming.args, "count"],
  lua: `${claiming.lua}
${mayNameTaskFunction}
-- An entry that is read belongs to the reader, so every right that it needs is checked before.
for _, command in ipairs({ 'HSET', 'HINCRBY', 'EXPIRE' }) do check_right(command, sidecarPrefix .. '1') end
check_right('SET', recordPrefix .. '1')
check_right('EXPIRE', recordPrefix .. '1' .. metadataSuffix)
check_right('XACK', work)
local read = redis.call('XREADGROUP', 'GROUP', group, holder, 'COUNT', count, 'STREAMS', work, '>')
for _, entry in ipairs(read and read[1][2] or {}) do
  local id = entry[2] and entry[2][1] == 'id' and may_name_task(entry[2][2]) and entry[2][2]
  reply[#reply + 1] = { entry[1], id, id and claim(entry[1], id, 1) }
end
return reply`,
});

/** The part of the replies that concerns Redis as a whole. */
export type Head = readonly [
  now: string,
  watched: string,
  wall: string,
  paused: string | null,
  blocksAll: string | null,
];

/** The caller holds the lease already. */
export const isOwn = 1;
/** The task was not read, because the call reached its limit of bytes. */
export const isLater = 2;

/** The reply for one task. */
export type ClaimReply = Claimed | Begun | Unreadable | typeof isOwn | typeof isLater | null;

type Claimed = readonly [
  raw: string | null,
  sidecar: string[],
  deleted: number,
  blocksUser: string | null,
  checkAt: string | null,
];
type Unreadable = string;
type Begun = readonly [raw: string, sidecar: FreshValues];

/** The sidecar of a fresh task. */
export type FreshValues = readonly [
  service: string,
  user: string,
  rev: string,
  place: string | null,
  trace: string | null,
  since: string | null,
  request: string | null,
];

/** True for a task that the claim began. */
export function isBegun(reply: Claimed | Begun): reply is Begun {
  return reply.length === 2;
}
