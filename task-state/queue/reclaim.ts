import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { parseEntry, type RawEntry, type WorkEntry } from "./work-queue.ts";

/*
 * Entries that were read stay pending until they are acknowledged. A living dispatcher keeps its entries, however long they
 * take, and those of a dead one are taken over. Redis's idle times jump with its clock, so they decide only for consumers
 * without heartbeats.
 */

export interface ReclaimOptions {
  readonly consumer: string;
  readonly leaseMs: number;
  readonly count: number;
}

/** The share of a lease without a heartbeat after which a dispatcher counts as silent: several are missing then. */
const silentShare = 0.25;

/** Entries of dead dispatchers. */
export interface Reclaimed {
  readonly entries: WorkEntry[];
  /** Time until the leases of a silent dispatcher with entries expire, in ms of watched time; absent if there is none. */
  readonly nextMs?: number;
}

/*
 * keys   work, clock, leases, dispatchers
 * args   witness, group, consumer, leaseMs, count
 * reply  { ms until more entries may be taken over or -1, entries }
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
    -- One, from this entry on: XAUTOCLAIM stands in for XCLAIM, which needs another right.
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
      -- By the unwatched time as well: if dispatchers run only now and then, nothing else shows that one died.
      local seen = redis.call('ZSCORE', dispatchers, known.name)
      local silent = not seen or now - seen > leaseMs * ${silentShare}
      if silent and (soonest < 0 or left < soonest) then soonest = left end
    end
  end
end
return { math.ceil(soonest), entries }`,
});

/**
 * Takes over up to `count` entries of dispatchers whose leases expired. Each entry goes to one dispatcher; if that dies, the
 * next one takes over. The group must exist, see `ensureGroup`.
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

/** Ids of up to `count` entries that this consumer read and did not acknowledge, oldest first. */
export async function pendingEntries(redis: Redis, consumer: string, count: number): Promise<string[]> {
  const rows = (await redis.xpending(keys.work, dispatchGroup, "-", "+", count, consumer)) as [string, ...unknown[]][];
  return rows.map(([entryId]) => entryId);
}

/** The entries with these ids; those that are no longer on the stream are omitted. */
export async function entriesById(redis: Redis, ids: readonly string[]): Promise<WorkEntry[]> {
  const found = await Promise.all(ids.map((id) => redis.xrange(keys.work, id, id)));
  return found.flat().map(([entryId, fields]) => parseEntry([entryId, fields]));
}
