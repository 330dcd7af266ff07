import { keys, mayNameTask } from "../redis/keys.ts";
import { scan } from "../redis/scan.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { adoptTasks } from "./adopt.ts";

/** The numbers of repairs. */
export interface Repair {
  /** Tasks of other programs added to the ordered indexes. */
  adopted: number;
  /** Index members whose record is gone. */
  dropped: number;
}

const scanCount = 500;

/*
 * Removes ids without a record from a shared set and its ordered twin.
 * keys   set, ordered
 * args   the record keys' prefix, then ids
 * reply  the number of ids removed
 */
const dropScript = defineScript({
  name: "drop",
  keys: ["set", "ordered"],
  args: ["prefix"],
  lua: `${writeCheck}
check_writes({ { 'SREM', set }, { 'ZREM', ordered } })
local dropped = 0
for index = first, #ARGV do
  local id = ARGV[index]
  if redis.call('EXISTS', prefix .. id) == 0 then
    dropped = dropped + math.max(redis.call('SREM', set, id), redis.call('ZREM', ordered, id))
  end
end
return dropped`,
});

/** Adds missing members of a shared set to the ordered indexes, and drops members whose record is gone. */
export async function repairSet(context: TaskStateContext, set: string, signal?: AbortSignal): Promise<Repair> {
  const repair: Repair = { adopted: 0, dropped: 0 };
  for await (const ids of scan((cursor) => context.primary.sscan(set, cursor, "COUNT", scanCount))) {
    await repairIds(context, set, ids.filter(mayNameTask), repair);
    if (signal?.aborted) return repair;
  }
  const ordered = keys.ordered(set);
  for await (const members of scan((cursor) => context.primary.zscan(ordered, cursor, "COUNT", scanCount))) {
    repair.dropped += await drop(
      context,
      set,
      members.filter((_, index) => index % 2 === 0),
    );
    if (signal?.aborted) return repair;
  }
  return repair;
}

async function repairIds(context: TaskStateContext, set: string, ids: string[], repair: Repair): Promise<void> {
  if (ids.length === 0) return;
  // A user's set over all services has no ordered twin to compare with.
  const twinless = set.startsWith(keys.user(""));
  if (twinless) repair.dropped += await drop(context, set, ids);
  const scores = await context.primary.zmscore(keys.ordered(twinless ? keys.tasks : set), ...ids);
  const missing = ids.filter((_, index) => scores[index] === null);
  const { adopted, gone } = await adoptTasks(context, missing);
  repair.adopted += adopted;
  repair.dropped += await drop(context, set, gone);
}

/** Removes those of the ids that have no record from a shared set and its twin. @returns how many there were */
export async function drop(context: TaskStateContext, set: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const named = { set, ordered: keys.ordered(set) };
  return Number(await dropScript(context.primary, named, { prefix: keys.record("") }, ids));
}
