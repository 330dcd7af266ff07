import { keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import type { TaskStateContext } from "../task/context.ts";
import { placeFunction } from "./place.ts";

/** Keys that one step of the search scans. */
const stepSize = 500;

/** A task that is not done and that only an entry of the work stream can lead a dispatcher to. */
export interface Unplaced {
  readonly id: string;
  /** The sidecar's revision, as text. */
  readonly rev: string;
}

/** What one step found. */
export interface Found {
  /** Ids of tasks with a sidecar, but without a record. */
  readonly orphans: readonly string[];
  readonly unplaced: readonly Unplaced[];
}

/*
 * One step of the search through the sidecars. Tasks with a valid lease and sidecars that cannot be read are skipped.
 * Record and sidecar of a task are stored and purged together, and a hidden task keeps its record until the scheduler confirms
 * its end: so where the record is missing, another program deleted it, or it expired.
 * keys   clock, leases, due, unreadable, parkedUsers; SCAN finds the sidecars
 * args   witness, cursor, count, sidecarPrefix, recordPrefix, parkedPrefix
 * reply  { the next cursor, ids without a record, id and revision of each task without a place }
 */
const searchScript = defineScript({
  name: "search-sidecars",
  keys: ["clock", "leases", "due", "unreadable", "parkedUsers"],
  args: ["witness", "cursor", "count", "sidecarPrefix", "recordPrefix", "parkedPrefix"],
  lua: `${clockFunction}${placeFunction}
local _, watched, wall = read_clock(clock, witness)
local step = redis.call('SCAN', cursor, 'MATCH', sidecarPrefix .. '*', 'COUNT', count)
local orphans, unplaced = {}, {}
for _, sidecar in ipairs(step[2]) do
  local id = string.sub(sidecar, #sidecarPrefix + 1)
  local facts = facts_of(sidecar)
  if facts and not is_leased(facts, watched, wall) then
    if redis.call('EXISTS', recordPrefix .. id) == 0 then
      orphans[#orphans + 1] = id
    elseif is_open(facts) and not has_place(facts, id) then
      unplaced[#unplaced + 1] = id
      unplaced[#unplaced + 1] = facts.rev or ''
    end
  end
end
return { step[1], orphans, unplaced }`,
});

/** Searches all sidecars in bounded steps, until the end or until the signal aborts. A task may be found twice. */
export async function* searchSidecars(
  { primary }: TaskStateContext,
  signal?: AbortSignal,
): AsyncGenerator<Found, void> {
  const { clock, leases, due, unreadable, parkedUsers } = keys;
  const prefixes = { sidecarPrefix: keys.sidecar(""), recordPrefix: keys.record(""), parkedPrefix: keys.parked("") };
  let cursor: string | undefined = "0";
  while (cursor !== undefined && !signal?.aborted) {
    const reply = await searchScript(
      primary,
      { clock, leases, due, unreadable, parkedUsers },
      { witness: witness(primary), cursor, count: stepSize, ...prefixes },
    );
    const [next, orphans, flat] = reply as [string, string[], string[]];
    const unplaced: Unplaced[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) {
      unplaced.push({ id: flat[index] ?? "", rev: flat[index + 1] ?? "" });
    }
    yield { orphans, unplaced };
    cursor = next === "0" ? undefined : next;
  }
}
