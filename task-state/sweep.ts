import { deletionMemory } from "./commands.ts";
import type { TaskStateContext } from "./context.ts";
import { type Repair, repairSet, scan } from "./heal.ts";
import { idSets, keys } from "./keys.ts";
import { type Owner, ownerOf, parseRecord } from "./record.ts";
import { defineScript } from "./script.ts";

/** What a sweep has mended. */
export interface Sweep extends Repair {
  /** Users without any task left, taken out of the users of their service. */
  retired: number;
  /** Deleted tasks that a late writer had brought back. */
  buried: number;
}

const pieceSize = 500;

/*
 * keys   users, orderedUsers, ownerSet, orderedOwnerSet
 * args   user
 * reply  1 taken out · 0 still has tasks, or was not there
 */
const retireScript = defineScript({
  name: "retire",
  keys: ["users", "orderedUsers", "ownerSet", "orderedOwnerSet"],
  args: ["user"],
  lua: `
if redis.call('SCARD', ownerSet) > 0 or redis.call('ZCARD', orderedOwnerSet) > 0 then return 0 end
return math.max(redis.call('SREM', users, user), redis.call('ZREM', orderedUsers, user))`,
});

/*
 * Removes what a late writer has brought back of a deleted task. A hidden task whose sidecar has expired can get no
 * further: from now on it is remembered only as long as a purged one.
 * keys   record, metadata, sidecar, deleted
 * args   id, orderedPrefix, forgetAt (ms), then the sets
 * reply  1 there was something · 0 nothing
 */
const buryScript = defineScript({
  name: "bury",
  keys: ["record", "metadata", "sidecar", "deleted"],
  args: ["id", "orderedPrefix", "forgetAt"],
  lua: `
if redis.call('EXISTS', sidecar) == 1 then return 0 end
if redis.call('ZSCORE', deleted, id) == 'inf' then redis.call('ZADD', deleted, forgetAt, id) end
local found = redis.call('DEL', record, metadata)
for index = first, #ARGV do
  found = found + redis.call('SREM', ARGV[index], id) + redis.call('ZREM', orderedPrefix .. ARGV[index], id)
end
return math.min(found, 1)`,
});

/**
 * Brings every index in line with the records: adopts tasks of other programs, drops what has expired, retires users
 * without tasks, buries deleted tasks again. Safe beside every other verb, any number of times; stops at the signal.
 */
export async function sweep(context: TaskStateContext, signal?: AbortSignal): Promise<Sweep> {
  const total: Sweep = { adopted: 0, dropped: 0, retired: 0, buried: await buryDeleted(context, signal) };
  const services = new Set<string>();
  for await (const set of indexKeys(context)) {
    if (signal?.aborted) return total;
    const index = parseIndexKey(set);
    if (index.kind === "users") {
      services.add(index.service);
      continue;
    }
    const { adopted, dropped } = await repairSet(context, set, signal);
    total.adopted += adopted;
    total.dropped += dropped;
  }
  for (const service of services) {
    if (signal?.aborted) return total;
    total.retired += await retireUsers(context, service);
  }
  return total;
}

/** Removes deleted tasks that came back, and forgets those deleted long ago. @returns how many had come back */
export async function buryDeleted(context: TaskStateContext, signal?: AbortSignal): Promise<number> {
  const { primary } = context;
  const now = Date.now();
  let buried = 0;
  for await (const members of scan((cursor) => primary.zscan(keys.deleted, cursor, "COUNT", pieceSize))) {
    for (let index = 0; index < members.length; index += 2) {
      if (signal?.aborted) return buried;
      const id = members[index] as string;
      buried += await bury(context, id);
      if (Number(members[index + 1]) < now)
        await primary.multi().zrem(keys.deleted, id).hdel(keys.deletedOwners, id).exec();
    }
  }
  return buried;
}

async function bury(context: TaskStateContext, id: string): Promise<number> {
  const owner = await deletedOwner(context, id);
  const reply = await buryScript(
    context.primary,
    { record: keys.record(id), metadata: keys.metadata(id), sidecar: keys.sidecar(id), deleted: keys.deleted },
    { id, orderedPrefix: keys.ordered(""), forgetAt: Date.now() + deletionMemory },
    owner ? idSets(owner) : [keys.tasks],
  );
  if (reply === 1 && owner) await retire(context, owner);
  return Number(reply);
}

async function deletedOwner({ primary }: TaskStateContext, id: string): Promise<Owner | undefined> {
  const known = await primary.hget(keys.deletedOwners, id);
  if (known !== null) {
    const [service, user] = JSON.parse(known) as [string, string];
    return { service, user };
  }
  const raw = await primary.get(keys.record(id));
  const record = raw === null ? undefined : parseRecord(raw);
  return record && ownerOf(record);
}

async function retireUsers(context: TaskStateContext, service: string): Promise<number> {
  const { primary } = context;
  const users = keys.users(service);
  let retired = 0;
  for await (const members of scan((cursor) => primary.sscan(users, cursor, "COUNT", pieceSize))) {
    for (const user of members) retired += await retire(context, { service, user });
  }
  for await (const members of scan((cursor) => primary.zscan(keys.ordered(users), cursor, "COUNT", pieceSize))) {
    for (const [index, user] of members.entries()) {
      if (index % 2 === 0) retired += await retire(context, { service, user });
    }
  }
  return retired;
}

async function retire({ primary }: TaskStateContext, owner: Owner): Promise<number> {
  const [users, ownerSet] = [keys.users(owner.service), keys.owner(owner)];
  const reply = await retireScript(
    primary,
    { users, ownerSet, orderedUsers: keys.ordered(users), orderedOwnerSet: keys.ordered(ownerSet) },
    { user: owner.user },
  );
  return Number(reply);
}

/** The names of all shared sets that exist, or whose ordered twin does. */
async function* indexKeys({ primary }: TaskStateContext): AsyncGenerator<string, void> {
  const seen = new Set<string>();
  const shared = keys.tasks.slice(0, keys.tasks.indexOf(":") + 1);
  for (const prefix of [shared, keys.ordered(shared)]) {
    const pattern = `${prefix}*`;
    for await (const names of scan((cursor) => primary.scan(cursor, "MATCH", pattern, "COUNT", pieceSize))) {
      for (const name of names) {
        const set = name.slice(prefix.length - shared.length);
        if (seen.has(set)) continue;
        seen.add(set);
        yield set;
      }
    }
  }
}

type IndexKey = { readonly kind: "ids" } | { readonly kind: "users"; readonly service: string };

function parseIndexKey(set: string): IndexKey {
  const prefix = keys.service("");
  if (!set.startsWith(prefix)) return { kind: "ids" };
  // A service's name never holds such a part (see `identityFault`), so the first one ends it.
  const found = /:users?(:|$)/.exec(set.slice(prefix.length + 1));
  if (found?.[0] !== ":users") return { kind: "ids" };
  return { kind: "users", service: set.slice(prefix.length, prefix.length + 1 + found.index) };
}
