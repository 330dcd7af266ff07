import { editFunction } from "./record-edit.ts";
import { defineScript } from "./script.ts";

/*
 * Takes the lease of each task that nobody is at work on, reads it, and begins it where it is fresh.
 * A task whose lease another dispatcher holds gets a new revision instead, so that this other one, who cannot commit
 * against the old revision any more, looks again before it lets go; the entry has then done its duty. So has the entry
 * of a task of which nothing is left. Only an entry that was taken over stays pending: it may be the very one that this
 * other dispatcher held when it died, and then nothing else would bring the task back.
 * keys   work, deleted, paused, blocksAll
 * args   group, holder, leaseMs, recordPrefix, metadataSuffix, sidecarPrefix, blocksPrefix, ttl, metadataTtl, sidecarTtl
 *        (seconds); of the change that begins a fresh task: from, to ('' for none), tail, nextTail, checkAfter (ms), patch
 *        (sidecar fields and values as a JSON list); then entry id and task id of each
 * reply  { Redis time in ms, pause or false, blocks of all or false,
 *          per task: false · { record or false, sidecar as a flat list, deleted 0|1, blocks of its user or false }
 *          · why its keys cannot be read · begun: { record, { service, user, rev, place or false, trace or false } as the sidecar was before } }
 */
const claiming = {
  keys: ["work", "deleted", "paused", "blocksAll"],
  args: [
    "group",
    "holder",
    "leaseMs",
    "recordPrefix",
    "metadataSuffix",
    "sidecarPrefix",
    "blocksPrefix",
    "ttl",
    "metadataTtl",
    "sidecarTtl",
    "from",
    "to",
    "tail",
    "nextTail",
    "checkAfter",
    "patch",
  ],
  lua: `${editFunction}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function from_now(ms) return string.format('%.0f', now + ms) end
-- What is no text blocks nothing: the scheduler itself still refuses.
local function text_of(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value
end
local reply = { from_now(0), text_of(paused), text_of(blocksAll) }

local function holds(block)
  if not block then return false end
  local valid, value = pcall(cjson.decode, block)
  if not valid or type(value) ~= 'table' then return false end
  return value.blocked == true or type(value.blocked_users) == 'table' and next(value.blocked_users) ~= nil
end
local may_begin = to ~= '' and not reply[2] and not holds(reply[3])
local over = from_now(leaseMs)
local at_begin = may_begin and { 'checkAt', from_now(checkAfter), unpack(cjson.decode(patch)) }

-- Whoever has done anything with a task since its submission has left a field that is not among these.
local at_first = { service = true, user = true, phase = true, rev = true, place = true, trace = true }
local user_blocks = {}
local function blocks_of(user)
  if user_blocks[user] == nil then user_blocks[user] = text_of(blocksPrefix .. user) end
  return user_blocks[user]
end

local function claim_whole(entry, id)
  local record, sidecar = recordPrefix .. id, sidecarPrefix .. id
  local flat = redis.pcall('HGETALL', sidecar)
  if flat.err then return flat.err end
  local known, fresh = {}, may_begin
  for field = 1, #flat, 2 do
    known[flat[field]] = flat[field + 1]
    fresh = fresh and at_first[flat[field]]
  end
  if known.leaseUntil and tonumber(known.leaseUntil) > now then
    redis.call('HINCRBY', sidecar, 'rev', 1)
    local pending = redis.call('XPENDING', work, group, entry, entry, 1)[1]
    if pending and pending[4] == 1 then redis.call('XACK', work, group, entry) end
    return false
  end
  if #flat == 0 then
    redis.call('XACK', work, group, entry)
    return false
  end
  local raw = redis.pcall('GET', record)
  if type(raw) == 'table' then return raw.err end
  local gone = redis.call('ZSCORE', deleted, id)
  local blocks = blocks_of(known.user or '')
  local next_raw = fresh and known.phase == 'queued' and raw and not gone and not holds(blocks)
    and edit(raw, id, from, to, tail, nextTail)
  redis.call('HSET', sidecar, 'rev', string.format('%.0f', (known.rev or 0) + 1), 'lease', holder, 'leaseUntil', over,
    unpack(next_raw and at_begin or {}))
  if not next_raw then return { raw, flat, gone and 1 or 0, blocks } end
  redis.call('SET', record, next_raw, 'EX', ttl)
  redis.call('EXPIRE', record .. metadataSuffix, metadataTtl)
  redis.call('EXPIRE', sidecar, sidecarTtl)
  return { next_raw, { known.service, known.user, known.rev, known.place or false, known.trace or false } }
end
-- A sidecar whose fields somebody has spoilt keeps no other task from being claimed; what Redis refuses, it refuses to all.
local function claim(entry, id)
  local done, reply = pcall(claim_whole, entry, id)
  if done then return reply end
  local fault = type(reply) == 'table' and reply.err or tostring(reply)
  for _, own in ipairs({ 'WRONGTYPE', 'not an integer', 'attempt to ' }) do
    if string.find(fault, own, 1, true) then return fault end
  end
  return claim_whole(entry, id)
end`,
} as const;

export const claimScript = defineScript({
  name: "claim",
  ...claiming,
  lua: `${claiming.lua}
for index = first, #ARGV, 2 do reply[#reply + 1] = claim(ARGV[index], ARGV[index + 1]) end
return reply`,
});

/*
 * Reads new entries for a consumer and claims their tasks.
 * args   also: count, but no entries
 * reply  as above, but per entry: { entry id, its fields, claim }
 */
export const takeScript = defineScript({
  name: "take",
  ...claiming,
  args: [...claiming.args, "count"],
  lua: `${claiming.lua}
local read = redis.call('XREADGROUP', 'GROUP', group, holder, 'COUNT', count, 'STREAMS', work, '>')
for _, entry in ipairs(read and read[1][2] or {}) do
  local id = entry[2] and entry[2][1] == 'id' and string.match(entry[2][2], '^%d+$')
  reply[#reply + 1] = { entry[1], id, id and claim(entry[1], id) }
end
return reply`,
});

/** What the scripts tell of Redis as a whole. */
export type Head = readonly [now: string, paused: string | null, blocksAll: string | null];

/** What they tell of a task that was claimed. */
export type ClaimReply = Claimed | Begun | Unreadable | null;

type Claimed = readonly [raw: string | null, sidecar: string[], deleted: number, blocksUser: string | null];
type Unreadable = string;
type Begun = readonly [raw: string, sidecar: FreshValues];

/** The sidecar of a fresh task. */
export type FreshValues = readonly [
  service: string,
  user: string,
  rev: string,
  place: string | null,
  trace: string | null,
];

/** True for a task that the claim has begun. */
export function isBegun(reply: Claimed | Begun): reply is Begun {
  return reply.length === 2;
}
