import { keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { isOver, readView } from "../task/view.ts";
import { placeFunction } from "./place.ts";
import type { Unplaced } from "./sidecar-search.ts";
import type { StreamTasks } from "./stream-tasks.ts";

/** Tasks that are read in parallel: each may have a record of the largest size. */
const atOnce = 8;

/*
 * Adds tasks to the work stream that have not changed since they were found, and still have no place. Each gets a new revision,
 * so that another process that found it adds no second entry.
 * keys   clock, leases, due, unreadable, parkedUsers, work, added
 * args   witness, sidecarPrefix, parkedPrefix, then id and revision of each task
 * reply  the number of tasks added
 */
const requeueScript = defineScript({
  name: "requeue",
  keys: ["clock", "leases", "due", "unreadable", "parkedUsers", "work", "added"],
  args: ["witness", "sidecarPrefix", "parkedPrefix"],
  lua: `${writeCheck}${clockFunction}${placeFunction}
local _, watched, wall = read_clock(clock, witness)
local stranded = {}
for index = first, #ARGV, 2 do
  local id, sidecar = ARGV[index], sidecarPrefix .. ARGV[index]
  local facts = facts_of(sidecar)
  local unchanged = facts and facts.rev == ARGV[index + 1] and string.match(facts.rev, '^%d+$')
  if unchanged and not is_leased(facts, watched, wall) and not has_place(facts, id) then
    check_right('HINCRBY', sidecar)
    stranded[#stranded + 1] = id
  end
end
if #stranded == 0 then return 0 end
check_writes({ { 'XADD', work }, { 'INCRBY', added } })
for _, id in ipairs(stranded) do
  redis.call('HINCRBY', sidecarPrefix .. id, 'rev', 1)
  redis.call('XADD', work, '*', 'id', id)
end
redis.call('INCRBY', added, #stranded)
return #stranded`,
});

/**
 * Puts those of the tasks back on the work stream that have no place at all, for example because an operator removed the stream.
 * Safe beside dispatchers and submissions: whatever takes a task from the stream changes its revision, and an entry too many
 * is harmless.
 * @param stream read to its end before the tasks were found
 * @returns the number of tasks put back
 */
export async function requeueStranded(
  context: TaskStateContext,
  unplaced: readonly Unplaced[],
  stream: StreamTasks,
): Promise<number> {
  const isMissing = ({ id }: Unplaced) => !stream.has(id);
  const missing = unplaced.filter(isMissing);
  // They may have been added while the search was under way.
  if (missing.length === 0 || !(await stream.readOn())) return 0;
  const candidates = missing.filter(isMissing);
  let requeued = 0;
  for (let first = 0; first < candidates.length; first += atOnce) {
    const piece = candidates.slice(first, first + atOnce);
    const isOpen = await Promise.all(piece.map(({ id }) => needsDispatcher(context, id)));
    requeued += await requeue(
      context,
      piece.filter((_, index) => isOpen[index]),
    );
  }
  return requeued;
}

/** A refused task is still `queued` after its end; a request of its owner is completed even then. */
async function needsDispatcher(context: TaskStateContext, id: string): Promise<boolean> {
  const view = await readView(context, id);
  if (view.raw === null && view.unreadable === undefined) return false;
  return !isOver(view) || view.sidecar?.want !== undefined;
}

async function requeue({ primary }: TaskStateContext, tasks: readonly Unplaced[]): Promise<number> {
  if (tasks.length === 0) return 0;
  const { clock, leases, due, unreadable, parkedUsers, work, added } = keys;
  const reply = await requeueScript(
    primary,
    { clock, leases, due, unreadable, parkedUsers, work, added },
    { witness: witness(primary), sidecarPrefix: keys.sidecar(""), parkedPrefix: keys.parked("") },
    tasks.flatMap(({ id, rev }) => [id, rev]),
  );
  return Number(reply);
}
