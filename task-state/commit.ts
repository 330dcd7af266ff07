import { type Change, commandsFor } from "./commands.ts";
import type { TaskStateContext } from "./context.ts";
import { idSets, keys } from "./keys.ts";
import { changeRecord, type Owner, ownerOf, type RecordChange, rewritable, type TaskRecord } from "./record.ts";
import { defineScript } from "./script.ts";
import { patchSidecar, type Sidecar } from "./sidecar.ts";
import type { View } from "./view.ts";

/*
 * Runs commands if the task is still exactly as the caller has seen it.
 * keys   record, sidecar
 * args   raw (the record as seen, '' for none), rev (the sidecar's, '' for none),
 *        then per command: its length and words
 * reply  1 done · 0 somebody was faster, nothing was written
 */
const expectAndRun = {
  expect: `
if (redis.call('GET', record) or '') ~= raw then return 0 end
if (redis.call('HGET', sidecar, 'rev') or '') ~= rev then return 0 end`,
  run: `
local index = first
while index <= #ARGV do
  local length = tonumber(ARGV[index])
  redis.call(unpack(ARGV, index + 1, index + length))
  index = index + length + 1
end
return 1`,
};

const commitScript = defineScript({
  name: "commit",
  keys: ["record", "sidecar"],
  args: ["raw", "rev"],
  lua: expectAndRun.expect + expectAndRun.run,
});

/** Takes a task out of all indexes first, and its user out of the users when that was the last task. */
const commitRemovalScript = defineScript({
  name: "commit-removal",
  keys: ["record", "sidecar", "ownerSet", "users", "orderedOwnerSet", "orderedUsers"],
  args: ["raw", "rev", "id", "user", "sets"],
  lua: `${expectAndRun.expect}
for set = first, first + sets - 1 do
  redis.call('SREM', ARGV[set], id)
  redis.call('ZREM', '${keys.ordered("")}' .. ARGV[set], id)
end
if redis.call('SCARD', ownerSet) == 0 then redis.call('SREM', users, user) end
if redis.call('ZCARD', orderedOwnerSet) == 0 then redis.call('ZREM', orderedUsers, user) end
first = first + sets
${expectAndRun.run}`,
});

/**
 * Applies a change if record and sidecar are still as `view` shows them, in one atomic step and one round trip.
 * @returns the task as it is now, or `undefined` when somebody else has changed it: look again and decide again.
 */
export async function commit(context: TaskStateContext, view: View, change: Change): Promise<View | undefined> {
  const owner = ownerIn(view);
  const time = context.clock();
  const record = change.record ? changed(view, change.record, time) : view.record;
  const raw = record !== view.record ? JSON.stringify(record) : view.raw;
  const sidecar = nextSidecar(view, owner, change);

  const commands = commandsFor(context, view, change, owner, { raw, sidecar });
  const expectation = { raw: view.raw ?? "", rev: view.sidecar?.rev ?? "" };
  const own = { record: keys.record(view.id), sidecar: keys.sidecar(view.id) };
  const words = commands.flatMap((command) => [command.length, ...command]);
  const done =
    change.remove && owner
      ? await commitRemovalScript(
          context.primary,
          { ...own, ...ownerKeys(owner) },
          { ...expectation, id: view.id, user: owner.user, sets: idSets(owner).length },
          [...idSets(owner), ...words],
        )
      : await commitScript(context.primary, own, expectation, words);
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
