import { type Owner, ownerOf } from "../record/record.ts";
import { idSets, keys } from "../redis/keys.ts";
import { deletionMemory } from "../redis/lifetimes.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { scan } from "../redis/scan.ts";
import { defineScript } from "../redis/script.ts";
import { writeAll } from "../redis/write-all.ts";
import { writeCheck } from "../redis/write-check.ts";
import { commit } from "../task/commit.ts";
import type { TaskStateContext } from "../task/context.ts";
import { ownerOnFile } from "../task/quarantine.ts";
import { isOver, readView } from "../task/view.ts";
import { retire } from "./retire.ts";

const pieceSize = 500;

/*
 * Removes the keys of a deleted task that a late writer put back. A hidden task whose sidecar expired can make no progress, so
 * its tombstone gets the lifetime of a purged task's.
 * keys   record, metadata, sidecar, deleted
 * args   id, orderedPrefix, forgetAt (ms), then the sets
 * reply  1 keys were removed · 0 there were none
 */
const removeReturnedScript = defineScript({
  name: "remove-returned",
  keys: ["record", "metadata", "sidecar", "deleted"],
  args: ["id", "orderedPrefix", "forgetAt"],
  lua: `${writeCheck}
if redis.call('EXISTS', sidecar) == 1 then return 0 end
check_writes({ { 'ZADD', deleted }, { 'DEL', record, metadata } })
for index = first, #ARGV do
  check_write('SREM', ARGV[index])
  check_write('ZREM', orderedPrefix .. ARGV[index])
end
if redis.call('ZSCORE', deleted, id) == 'inf' then redis.call('ZADD', deleted, forgetAt, id) end
local found = redis.call('DEL', record, metadata)
for index = first, #ARGV do
  found = found + redis.call('SREM', ARGV[index], id) + redis.call('ZREM', orderedPrefix .. ARGV[index], id)
end
return math.min(found, 1)`,
});

/** Removes deleted tasks that were put back, and tombstones that expired. @returns the number of tasks removed */
export async function enforceTombstones(context: TaskStateContext, signal?: AbortSignal): Promise<number> {
  const { primary } = context;
  const { now } = await redisClock(primary);
  let removed = 0;
  for await (const members of scan((cursor) => primary.zscan(keys.deleted, cursor, "COUNT", pieceSize))) {
    if (signal?.aborted) return removed;
    const ids = members.filter((_, index) => index % 2 === 0);
    for (const id of await findReturned(context, ids)) removed += await removeReturned(context, id, now);
    const old = ids.filter((_, index) => Number(members[2 * index + 1]) < now);
    if (old.length > 0)
      await writeAll(primary, [
        ["ZREM", keys.deleted, ...old],
        ["HDEL", keys.deletedOwners, ...old],
      ]);
  }
  return removed;
}

/*
 * keys   tasks
 * args   recordPrefix, metadataSuffix, then ids
 * reply  the ids that have a record, metadata or an index member
 */
const returnedScript = defineScript({
  name: "returned",
  keys: ["tasks"],
  args: ["recordPrefix", "metadataSuffix"],
  lua: `
local returned = {}
for index = first, #ARGV do
  local id = ARGV[index]
  local record = recordPrefix .. id
  if redis.call('EXISTS', record, record .. metadataSuffix) > 0 or redis.call('SISMEMBER', tasks, id) == 1 then
    returned[#returned + 1] = id
  end
end
return returned`,
});

/** The deleted ids that have keys in Redis, including those whose cancellation is not confirmed yet. */
async function findReturned({ primary }: TaskStateContext, ids: readonly string[]): Promise<string[]> {
  const recordPrefix = keys.record("");
  const metadataSuffix = keys.metadata("").slice(recordPrefix.length);
  return (await returnedScript(primary, { tasks: keys.tasks }, { recordPrefix, metadataSuffix }, ids)) as string[];
}

async function removeReturned(context: TaskStateContext, id: string, now: number): Promise<number> {
  const owner = await deletedOwner(context, id);
  const reply = await removeReturnedScript(
    context.primary,
    { record: keys.record(id), metadata: keys.metadata(id), sidecar: keys.sidecar(id), deleted: keys.deleted },
    { id, orderedPrefix: keys.ordered(""), forgetAt: now + deletionMemory },
    owner ? idSets(owner) : [keys.tasks],
  );
  if (reply === 1 && owner) await retire(context, owner);
  if (reply === 0) await wakeIfOver(context, id);
  return Number(reply);
}

/** A hidden task whose cancellation is a dead letter may end by itself: then it is enqueued to be purged. */
async function wakeIfOver(context: TaskStateContext, id: string): Promise<void> {
  const view = await readView(context, id);
  if (view.sidecar?.dead !== undefined && isOver(view)) await commit(context, view, { enqueue: true });
}

async function deletedOwner(context: TaskStateContext, id: string): Promise<Owner | undefined> {
  const known = await context.primary.hget(keys.deletedOwners, id);
  if (known !== null) {
    const [service, user] = JSON.parse(known) as [string, string];
    return { service, user };
  }
  const { record } = await readView(context, id);
  return record ? ownerOf(record) : ownerOnFile(context, id);
}
