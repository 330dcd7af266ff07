import { ownerOf } from "../record/record.ts";
import { ifWritable } from "../redis/errors.ts";
import { isTaskId, keys, orderedIdSets, ownerFault } from "../redis/keys.ts";
import { type RawRecord, readRaw, readRaws } from "../redis/raw-records.ts";
import { scan } from "../redis/scan.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { ownerOnFile, reportUnreadable } from "../task/quarantine.ts";

/** The numbers of repairs. */
export interface Repair {
  /** Tasks of other programs added to the ordered indexes. */
  adopted: number;
  /** Index members whose record is gone. */
  dropped: number;
}

const scanCount = 500;
/** The largest set that a list repairs before it answers; larger sets are repaired in the background. */
const healedAtOnce = 5000;

/*
 * Adds a task of another program to the ordered indexes, unless it was deleted meanwhile.
 * keys   record, deleted, orderedUsers
 * args   id, user, then the ordered indexes
 * reply  1 added · 0 deleted, or added before
 */
const adoptScript = defineScript({
  name: "adopt",
  keys: ["record", "deleted", "orderedUsers"],
  args: ["id", "user"],
  lua: `${writeCheck}
if redis.call('EXISTS', record) == 0 or redis.call('ZSCORE', deleted, id) then return 0 end
check_write('ZADD', orderedUsers)
for index = first, #ARGV do check_write('ZADD', ARGV[index]) end
local added = redis.call('ZADD', orderedUsers, 0, user)
for index = first, #ARGV do added = added + redis.call('ZADD', ARGV[index], id, id) end
return math.min(added, 1)`,
});

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

/** Updates an ordered index if its shared set holds more; waits for the update of small sets only. */
export async function healIfBehind(context: TaskStateContext, set: string): Promise<void> {
  const { primary } = context;
  const [shared, ordered] = await Promise.all([primary.scard(set), primary.zcard(keys.ordered(set))]);
  if (shared <= ordered) return;
  const pause = pauseAfter(shared);
  if ((await ifWritable(primary.set(keys.healing(set), "1", "EX", pause, "NX"))) !== "OK") return;
  const healed = repairSet(context, set);
  if (shared <= healedAtOnce) await healed;
  // The janitor repairs what fails here.
  else healed.catch(() => {});
}

/**
 * The pause before a set that stays ahead of its ordered twin, for example because of an unreadable record, is scanned again,
 * in seconds. It grows with the set, so that scans always cost the same share of Redis's time.
 */
function pauseAfter(members: number): number {
  return Math.min(600, Math.max(10, Math.ceil(members / 1000)));
}

/** Adds missing members of a shared set to the ordered indexes, and drops members whose record is gone. */
export async function repairSet(context: TaskStateContext, set: string, signal?: AbortSignal): Promise<Repair> {
  const repair: Repair = { adopted: 0, dropped: 0 };
  for await (const ids of scan((cursor) => context.primary.sscan(set, cursor, "COUNT", scanCount))) {
    await repairIds(context, set, ids.filter(isTaskId), repair);
    if (signal?.aborted) return repair;
  }
  const ordered = keys.ordered(set);
  for await (const members of scan((cursor) => context.primary.zscan(ordered, cursor, "COUNT", scanCount))) {
    await drop(
      context,
      set,
      members.filter((_, index) => index % 2 === 0),
      repair,
    );
    if (signal?.aborted) return repair;
  }
  return repair;
}

async function repairIds(context: TaskStateContext, set: string, ids: string[], repair: Repair): Promise<void> {
  if (ids.length === 0) return;
  // A user's set over all services has no ordered twin to compare with.
  const twinless = set.startsWith(keys.user(""));
  if (twinless) await drop(context, set, ids, repair);
  const scores = await context.primary.zmscore(keys.ordered(twinless ? keys.tasks : set), ...ids);
  const missing = ids.filter((_, index) => scores[index] === null);
  if (missing.length === 0) return;
  for (let rest = missing; rest.length > 0; ) {
    const raws = await readRaws(context.primary, rest);
    const gone = rest.filter((_, index) => raws[index] === null);
    await drop(context, set, gone, repair);
    for (const [index, raw] of raws.entries()) {
      if (raw !== null && (await adopt(context, rest[index] as string, raw))) repair.adopted += 1;
    }
    rest = rest.slice(raws.length);
  }
}

async function adopt(context: TaskStateContext, id: string, raw: NonNullable<RawRecord>): Promise<boolean> {
  const reading = readRaw(id, raw);
  // A task that cannot be read belongs to the lists of its known owner: they count it now and show it once it can be read.
  const owner = reading.kind === "record" ? ownerOf(reading.record) : await ownerOnFile(context, id);
  if (reading.kind === "unreadable") await reportUnreadable(context, [{ id, reason: reading.reason }]);
  const fault = owner && ownerFault(owner);
  if (fault !== undefined) context.onUnreadable(id, fault);
  if (!owner || fault !== undefined) return false;
  const reply = await adoptScript(
    context.primary,
    {
      record: keys.record(id),
      deleted: keys.deleted,
      orderedUsers: keys.ordered(keys.users(owner.service)),
    },
    { id, user: owner.user },
    orderedIdSets(owner).map(keys.ordered),
  );
  return reply === 1;
}

async function drop(context: TaskStateContext, set: string, ids: readonly string[], repair: Repair): Promise<void> {
  if (ids.length === 0) return;
  const reply = await dropScript(
    context.primary,
    { set, ordered: keys.ordered(set) },
    { prefix: keys.record("") },
    ids,
  );
  repair.dropped += Number(reply);
}
