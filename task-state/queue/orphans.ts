import { keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { commit } from "../task/commit.ts";
import type { TaskStateContext } from "../task/context.ts";
import { readView } from "../task/view.ts";
import { leaseFunction } from "./leases.ts";

/** Keys that one step of the search scans. */
const stepSize = 500;

/*
 * One step of the search for sidecars whose record is gone. Record and sidecar of a task are stored and purged together, and
 * a hidden task keeps its record until the scheduler confirms its end: so another program deleted such a record, or it
 * expired. Tasks with a valid lease and sidecars that cannot be read are skipped.
 * keys   clock, leases; SCAN finds the sidecars
 * args   witness, cursor, count, sidecarPrefix, recordPrefix
 * reply  { the next cursor, ids }
 */
const searchScript = defineScript({
  name: "search-orphans",
  keys: ["clock", "leases"],
  args: ["witness", "cursor", "count", "sidecarPrefix", "recordPrefix"],
  lua: `${clockFunction}${leaseFunction}
local _, watched, wall = read_clock(clock, witness)
local step = redis.call('SCAN', cursor, 'MATCH', sidecarPrefix .. '*', 'COUNT', count)
local ids = {}
for _, sidecar in ipairs(step[2]) do
  local id = string.sub(sidecar, #sidecarPrefix + 1)
  if redis.call('EXISTS', recordPrefix .. id) == 0 then
    local lease = redis.pcall('HMGET', sidecar, 'lease', 'leaseUntil')
    if not lease.err and not (lease[1] and holds(leases, lease[1], lease[2], watched, wall)) then ids[#ids + 1] = id end
  end
end
return { step[1], ids }`,
});

/**
 * Purges each task that has a sidecar but no record, for example after a deletion by another program: such a task cannot be
 * read, submitted or cancelled. Each task is read again before it is purged; the steps are bounded.
 * @returns the number of tasks purged
 */
export async function purgeOrphans(context: TaskStateContext, signal?: AbortSignal): Promise<number> {
  const prefixes = { sidecarPrefix: keys.sidecar(""), recordPrefix: keys.record("") };
  let purged = 0;
  let cursor: string | undefined = "0";
  while (cursor !== undefined && !signal?.aborted) {
    const reply = await searchScript(
      context.primary,
      { clock: keys.clock, leases: keys.leases },
      { witness: witness(context.primary), cursor, count: stepSize, ...prefixes },
    );
    const [next, ids] = reply as [string, string[]];
    purged += (await Promise.all(ids.map((id) => purgeOrphan(context, id)))).filter(Boolean).length;
    cursor = next === "0" ? undefined : next;
  }
  return purged;
}

async function purgeOrphan(context: TaskStateContext, id: string): Promise<boolean> {
  const view = await readView(context, id);
  if (view.raw !== null || !view.sidecar) return false;
  return (await commit(context, view, { remove: "purge" })) !== undefined;
}
