import { ifWritable } from "../redis/errors.ts";
import { keys, mayNameTask } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { type Adoption, adoptTasks } from "./adopt.ts";
import { drop, repairSet } from "./heal.ts";
import { bounds, readSigns, type Signs } from "./signs.ts";

/** How long a number without a record is re-checked, in ms: its program has taken it and stores the record next. */
const unwrittenFor = 60_000;
/** The largest count of numbers that are re-checked; the highest ones are kept. */
const mostUnwritten = 1000;
/** New numbers from which on it is worth a write to note that all of them are known. */
const worthNoting = 1000;

/*
 * Stores how far the sequence was checked, and the numbers to re-check.
 * keys   sequence, seen, unwritten
 * args   reached, lasting (ms), most; then numbers without a record
 */
const noteScript = defineScript({
  name: "note-seen",
  keys: ["sequence", "seen", "unwritten"],
  args: ["reached", "lasting", "most"],
  lua: `${writeCheck}
check_writes({ { 'SET', seen }, { 'ZADD', unwritten }, { 'ZREMRANGEBYSCORE', unwritten }, { 'EXPIRE', unwritten } })
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function integer(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and tonumber(value) or 0
end
local before = integer(seen)
-- A lower one counts if the sequence itself was set back.
if tonumber(reached) > before or integer(sequence) < before then redis.call('SET', seen, reached) end
redis.call('ZREMRANGEBYSCORE', unwritten, '-inf', now)
for index = math.max(first, #ARGV - most + 1), #ARGV do
  redis.call('ZADD', unwritten, 'NX', string.format('%.0f', now + lasting), ARGV[index])
end
redis.call('EXPIRE', unwritten, math.ceil(lasting / 1000))
return 1`,
});

/**
 * Brings a list up to date with the tasks that other programs have added, before it is read: those with a number of the
 * sequence at once whatever the list's length, others at once in lists of at most 128 tasks, and of at most 2,000 if
 * sizes differ. Beyond that the set is repaired in the background, and by the janitor. A Redis that refuses writes leaves the
 * list as it is.
 */
export async function catchUp(context: TaskStateContext, set: string): Promise<void> {
  const signs = await ifWritable(adoptSigned(context, set));
  if (signs && signs.size > bounds.comparedIfUnequal && signs.size > signs.indexed + signs.adopted)
    await repairLater(context, set, signs.size);
}

/**
 * Adopts what the signs show. Members without a record stay in the shared set, because their program may store it next: only a
 * repair drops them.
 */
export async function adoptSigned(context: TaskStateContext, set: string): Promise<Signs & Pick<Adoption, "adopted">> {
  let adopted = 0;
  for (;;) {
    const signs = await readSigns(context, set);
    const { written, unwritten, behind, stale, reached, last, from } = signs;
    const ids = [...new Set([...written, ...behind.filter(mayNameTask)])];
    if (ids.length > 0) adopted += (await adoptTasks(context, ids)).adopted;
    await drop(context, set, stale);
    const isNew = (id: string) => Number(id) > from;
    const gaps = unwritten.filter(isNew);
    // Stored after the adoption: a process that dies before it leaves the numbers to the next check.
    if (gaps.length > 0 || written.some(isNew) || reached - from >= worthNoting) await note(context, reached, gaps);
    if (reached >= last) return { ...signs, adopted };
  }
}

async function note({ primary }: TaskStateContext, reached: number, ids: readonly string[]): Promise<void> {
  const { sequence, seen, unwritten } = keys;
  const args = { reached: String(reached), lasting: unwrittenFor, most: mostUnwritten };
  await noteScript(primary, { sequence, seen, unwritten }, args, ids);
}

/** Repairs a large set in the background, with a pause before it is scanned again. */
async function repairLater(context: TaskStateContext, set: string, size: number): Promise<void> {
  const pause = pauseAfter(size);
  if ((await ifWritable(context.primary.set(keys.healing(set), "1", "EX", pause, "NX"))) !== "OK") return;
  // The janitor repairs what fails here.
  repairSet(context, set).catch(() => {});
}

/**
 * The pause before a set that stays ahead of its ordered twin is scanned again, in seconds. It grows with the set, so that
 * scans always cost the same share of Redis's time.
 */
function pauseAfter(members: number): number {
  return Math.min(600, Math.max(10, Math.ceil(members / 1000)));
}
