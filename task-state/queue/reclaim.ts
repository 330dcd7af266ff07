import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { parseEntry, type RawEntry, type WorkEntry } from "./work-queue.ts";

/*
 * Entries that were read stay pending until they are acknowledged. Whose they are tells who is to see to them: a living
 * dispatcher keeps its own, however long that takes, and what a dead one has left is taken over. Redis's own idle times
 * are not asked, because they jump with its clock; only for consumers that give no signs nothing else is known.
 */

export interface ReclaimOptions {
  readonly consumer: string;
  readonly leaseMs: number;
  readonly count: number;
}

/** The share of a lease without a sign of life after which a dispatcher counts as silent: several are missing then. */
const silentShare = 0.25;

/** What dead dispatchers have left. */
export interface Reclaimed {
  readonly entries: WorkEntry[];
  /** When the leases of a silent dispatcher that still has entries are over, in ms of watched time; absent: there is none. */
  readonly nextMs?: number;
}

/*
 * keys   work, clock, leases, dispatchers
 * args   witness, group, consumer, leaseMs, count
 * reply  { ms until more may be taken over or -1, entries }
 */
const reclaimScript = defineScript({
  name: "reclaim",
  keys: ["work", "clock", "leases", "dispatchers"],
  args: ["witness", "group", "consumer", "leaseMs", "count"],
  lua: `${clockFunction}
local now, watched = tick_clock(clock, witness)
local entries, soonest = {}, -1
local function take(name, idle)
  local left = count - #entries
  local found = redis.call('XPENDING', work, group, 'IDLE', idle, '-', '+', left, name)
  for _, pending in ipairs(found) do
    -- From this entry on, one: XAUTOCLAIM is XCLAIM for those who may not run that.
    local claimed = redis.call('XAUTOCLAIM', work, group, consumer, 0, pending[1], 'COUNT', 1)
    for _, entry in ipairs(claimed[2]) do entries[#entries + 1] = entry end
  end
end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', work, group)) do
  local known = {}
  for index = 1, #info, 2 do known[info[index]] = info[index + 1] end
  if known.name ~= consumer and known.pending > 0 and #entries < tonumber(count) then
    local over = redis.call('ZSCORE', leases, known.name)
    local left = over and tonumber(over) - watched
    if not left then take(known.name, leaseMs)
    elseif left <= 0 then take(known.name, 0)
    else
      -- By the time that passes unwatched, too: where dispatchers come and go, nothing else tells that one has died.
      local seen = redis.call('ZSCORE', dispatchers, known.name)
      local silent = not seen or now - seen > leaseMs * ${silentShare}
      if silent and (soonest < 0 or left < soonest) then soonest = left end
    end
  end
end
return { math.ceil(soonest), entries }`,
});

/**
 * Takes over up to `count` entries of dispatchers whose leases are over. Each entry has one taker; one that dies leaves it
 * to the next. The group exists, see `ensureGroup`.
 */
export async function reclaimEntries(redis: Redis, options: ReclaimOptions): Promise<Reclaimed> {
  const { work, clock, leases, dispatchers } = keys;
  const reply = await reclaimScript(
    redis,
    { work, clock, leases, dispatchers },
    { witness: witness(redis), group: dispatchGroup, ...options },
  );
  const [nextMs, raw] = reply as [number, RawEntry[]];
  const entries = raw.map(parseEntry);
  return nextMs < 0 ? { entries } : { entries, nextMs };
}

/** Ids of up to `count` entries that this consumer has read and not acknowledged, oldest first. */
export async function pendingEntries(redis: Redis, consumer: string, count: number): Promise<string[]> {
  const rows = (await redis.xpending(keys.work, dispatchGroup, "-", "+", count, consumer)) as [string, ...unknown[]][];
  return rows.map(([entryId]) => entryId);
}

/** The entries of these ids as they stand on the stream; those that are not there any more are left out. */
export async function entriesById(redis: Redis, ids: readonly string[]): Promise<WorkEntry[]> {
  const found = await Promise.all(ids.map((id) => redis.xrange(keys.work, id, id)));
  return found.flat().map(([entryId, fields]) => parseEntry([entryId, fields]));
}
