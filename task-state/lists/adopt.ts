import { ownerOf } from "../record/record.ts";
import { keys, orderedIdSets, ownerFault, scoreOf } from "../redis/keys.ts";
import { type RawRecord, readRaw, readRaws } from "../redis/raw-records.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { ownerOnFile, reportUnreadable, type Unreadable } from "../task/quarantine.ts";

/** What became of the tasks that were to be adopted. */
export interface Adoption {
  /** Tasks that were added to the ordered indexes. */
  readonly adopted: number;
  /** Ids without a record. */
  readonly gone: readonly string[];
}

/*
 * Adds tasks of other programs to the ordered indexes, unless they were deleted meanwhile.
 * keys   deleted
 * args   per task: id, its score, its record's key, user, the ordered users, then three ordered indexes
 * reply  the number of tasks added
 */
const adoptScript = defineScript({
  name: "adopt",
  keys: ["deleted"],
  args: [],
  lua: `${writeCheck}
local function adopt(id, score, record, user, users, ...)
  if redis.call('EXISTS', record) == 0 or redis.call('ZSCORE', deleted, id) then return 0 end
  check_write('ZADD', users)
  for _, index in ipairs({ ... }) do check_write('ZADD', index) end
  local added = redis.call('ZADD', users, 0, user)
  for _, index in ipairs({ ... }) do added = added + redis.call('ZADD', index, score, id) end
  return math.min(added, 1)
end
local adopted = 0
for task = first, #ARGV, 8 do adopted = adopted + adopt(unpack(ARGV, task, task + 7)) end
return adopted`,
});

/** Adds the tasks under these ids to our ordered indexes, as far as they have a record and an owner. May be repeated. */
export async function adoptTasks(context: TaskStateContext, ids: readonly string[]): Promise<Adoption> {
  let adopted = 0;
  const gone: string[] = [];
  for (let rest = ids; rest.length > 0; ) {
    const raws = await readRaws(context.primary, rest);
    const words: string[] = [];
    const unreadable: Unreadable[] = [];
    for (const [index, raw] of raws.entries()) {
      const id = rest[index] as string;
      if (raw === null) gone.push(id);
      else words.push(...(await wordsOf(context, id, raw, unreadable)));
    }
    await reportUnreadable(context, unreadable);
    if (words.length > 0) adopted += Number(await adoptScript(context.primary, { deleted: keys.deleted }, {}, words));
    rest = rest.slice(raws.length);
  }
  return { adopted, gone };
}

/** The arguments of the script for one task; none if nothing may be adopted under its owner. */
async function wordsOf(
  context: TaskStateContext,
  id: string,
  raw: NonNullable<RawRecord>,
  unreadable: Unreadable[],
): Promise<string[]> {
  const reading = readRaw(id, raw);
  if (reading.kind === "unreadable") unreadable.push({ id, reason: reading.reason });
  // A task that cannot be read belongs to the lists of its known owner: they count it now and show it once it can be read.
  const owner = reading.kind === "record" ? ownerOf(reading.record) : await ownerOnFile(context, id);
  const fault = owner && ownerFault(owner);
  if (fault !== undefined) context.onUnreadable(id, fault);
  if (!owner || fault !== undefined) return [];
  const indexes = orderedIdSets(owner).map(keys.ordered);
  return [id, scoreOf(id), keys.record(id), owner.user, keys.ordered(keys.users(owner.service)), ...indexes];
}
