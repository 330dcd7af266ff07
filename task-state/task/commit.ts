import { changeRecord, type Owner, ownerOf, type RecordChange, rewritable, type TaskRecord } from "../record/record.ts";
import type { Command } from "../redis/command.ts";
import { idSets, keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import { type Change, commandsFor } from "./commands.ts";
import { writeFunction } from "./committer.ts";
import type { TaskStateContext } from "./context.ts";
import { patchSidecar, type Sidecar } from "./sidecar.ts";
import type { View } from "./view.ts";

/*
 * Removes a task from all indexes, and its user from the users if that was the last task; then changes the task.
 * keys   record, sidecar, and of its owner: the set of tasks, the set of users, and their ordered twins
 * args   ttl, raw, rev, nextRecord, commands, id, user; then the sets that hold the id
 * reply  1 · 0
 */
const commitRemovalScript = defineScript({
  name: "commit-removal",
  keys: ["record", "sidecar", "ownerSet", "users", "orderedOwnerSet", "orderedUsers"],
  args: ["ttl", "raw", "rev", "nextRecord", "commands", "id", "user"],
  lua: `${writeFunction}
if not is_as_seen(record, sidecar, raw, rev) then return 0 end
local decoded = checked(record, nextRecord, commands)
for set = first, #ARGV do
  check_write('SREM', ARGV[set])
  check_write('ZREM', '${keys.ordered("")}' .. ARGV[set])
end
check_write('SREM', users)
check_write('ZREM', orderedUsers)
for set = first, #ARGV do
  redis.call('SREM', ARGV[set], id)
  redis.call('ZREM', '${keys.ordered("")}' .. ARGV[set], id)
end
if redis.call('SCARD', ownerSet) == 0 then redis.call('SREM', users, user) end
if redis.call('ZCARD', orderedOwnerSet) == 0 then redis.call('ZREM', orderedUsers, user) end
write(record, nextRecord, decoded)
return 1`,
});

/** Replaces lone surrogates, which other programs may write and Lua's JSON parser refuses. */
function packed(commands: readonly Command[]): string {
  const text = JSON.stringify(commands);
  if (!text.includes("\\ud")) return text;
  return JSON.stringify(
    commands.map((command) => command.map((word) => (typeof word === "string" ? word.toWellFormed() : word))),
  );
}

/**
 * Applies a change if record and sidecar are still as in `view`, in one atomic step and one round trip.
 * @returns the task after the change, or `undefined` when another writer changed it: read it again and decide again
 */
export async function commit(context: TaskStateContext, view: View, change: Change): Promise<View | undefined> {
  const owner = ownerIn(view);
  const time = context.clock();
  const record = change.record ? changed(view, change.record, time) : view.record;
  const raw = record !== view.record ? JSON.stringify(record) : view.raw;
  const sidecar = nextSidecar(view, owner, change);

  const seen = { raw: view.unreadable === undefined ? (view.raw ?? "") : "*", rev: view.sidecar?.rev ?? "" };
  const nextRecord = raw === null || raw === view.raw || !owner ? "" : raw;
  const commands = packed(commandsFor(context, view, change, owner, { saved: nextRecord !== "", sidecar }));
  const own = { record: keys.record(view.id), sidecar: keys.sidecar(view.id) };
  const done =
    change.remove && owner
      ? await commitRemovalScript(
          context.primary,
          { ...own, ...ownerKeys(owner) },
          { ttl: context.ttlSeconds, ...seen, nextRecord, commands, id: view.id, user: owner.user },
          idSets(owner),
        )
      : await context.commit([own.record, own.sidecar, seen.raw, seen.rev, nextRecord, commands]);
  if (done !== 1) return undefined;
  return change.remove === "purge"
    ? { ...view, raw: null, record: undefined, sidecar: undefined, deleted: true }
    : { ...view, raw, record, sidecar, deleted: view.deleted || change.remove === "hide" };
}

function changed({ record, raw }: View, change: RecordChange, time: string): TaskRecord | undefined {
  return record && raw !== null ? changeRecord(rewritable(record, raw), change, time) : undefined;
}

function ownerIn(view: View): Owner | undefined {
  return view.sidecar ?? (view.record && ownerOf(view.record));
}

function nextSidecar(view: View, owner: Owner | undefined, change: Change): Sidecar | undefined {
  if (!change.sidecar || !owner) return view.sidecar;
  const { service, user } = owner;
  const none: Sidecar = { service, user, phase: "external", rev: 0, attempts: 0, cancelAttempts: 0 };
  return patchSidecar(view.sidecar ?? none, change.sidecar);
}

function ownerKeys(owner: Owner): Record<"ownerSet" | "users" | "orderedOwnerSet" | "orderedUsers", string> {
  const [ownerSet, users] = [keys.owner(owner), keys.users(owner.service)];
  return { ownerSet, users, orderedOwnerSet: keys.ordered(ownerSet), orderedUsers: keys.ordered(users) };
}
