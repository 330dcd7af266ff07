import { metadataTtl, sidecarTtl, type TaskStateContext } from "./context.ts";
import { dispatchGroup, idSets, keys } from "./keys.ts";
import { changeRecord, type Owner, ownerOf, type RecordChange } from "./record.ts";
import { defineScript } from "./script.ts";
import { patchSidecar, type Sidecar, type SidecarPatch } from "./sidecar.ts";
import type { View } from "./view.ts";

/** Everything that may change together with a task. All of it happens, or nothing. */
export interface Change {
  readonly record?: RecordChange;
  readonly sidecar?: SidecarPatch;
  /** Put the task on the work stream. */
  readonly enqueue?: boolean;
  /** Acknowledge and remove this entry of the work stream. */
  readonly acknowledge?: string;
  /** Show readers a cancellation, asked for at this time, that the record cannot carry yet; `null` ends that. */
  readonly deferCancel?: string | null;
  /** `hide`: no reader sees the task any more. `purge`: nothing of it is left but the memory of its deletion. */
  readonly remove?: "hide" | "purge";
}

/** How long a deleted id is remembered, so that a late writer cannot bring the task back, in ms. */
export const deletionMemory = 15 * 60_000;

/*
 * Runs commands if the task is still exactly as the caller has seen it.
 * keys   record, sidecar
 * args   raw (the record as seen, '' for none), rev (the sidecar's, '' for none), then per command: its length and words
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
  const record = view.record && change.record ? changeRecord(view.record, change.record, time) : view.record;
  const raw = record !== view.record ? JSON.stringify(record) : view.raw;
  const sidecar = nextSidecar(view, owner, change);

  const commands: Command[] = [];
  if (raw !== null && raw !== view.raw && owner) commands.push(...saveRecord(context, view.id, owner, raw));
  if (change.remove === "purge") commands.push(...purge(view, owner));
  else if (change.sidecar && sidecar) commands.push(...saveSidecar(context, view.id, sidecar, change.sidecar));
  commands.push(...follow(view, change));
  if (change.remove === "hide") commands.push(...hide(view.id, owner));

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

type Command = (string | number)[];

function ownerIn(view: View): Owner | undefined {
  return view.sidecar ?? (view.record && ownerOf(view.record));
}

function nextSidecar(view: View, owner: Owner | undefined, change: Change): Sidecar | undefined {
  if (!change.sidecar || !owner) return view.sidecar;
  const { service, user } = owner;
  const none: Sidecar = { service, user, phase: "external", rev: 0, attempts: 0, cancelAttempts: 0 };
  return patchSidecar(view.sidecar ?? none, change.sidecar);
}

function saveRecord(context: TaskStateContext, id: string, owner: Owner, raw: string): Command[] {
  const sets = [...idSets(owner), keys.users(owner.service)];
  return [
    ["SET", keys.record(id), raw, "EX", context.ttlSeconds],
    ["EXPIRE", keys.metadata(id), metadataTtl(context)],
    ["EXPIRE", keys.sidecar(id), sidecarTtl(context)],
    ...sets.map((set) => ["EXPIRE", set, context.ttlSeconds]),
  ];
}

function saveSidecar(context: TaskStateContext, id: string, sidecar: Sidecar, patch: SidecarPatch): Command[] {
  const key = keys.sidecar(id);
  const save: Command = ["HSET", key, "rev", sidecar.rev];
  // A first revision is a new hash: it carries its owner and phase along.
  if (sidecar.rev === 1) save.push("service", sidecar.service, "user", sidecar.user, "phase", sidecar.phase);
  const drop: Command = ["HDEL", key];
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) drop.push(field);
    else save.push(field, value);
  }
  const commands: Command[] = [save];
  if (drop.length > 2) commands.push(drop);
  commands.push(["EXPIRE", key, sidecarTtl(context)]);
  if (patch.dueAt === null) commands.push(["ZREM", keys.due, id]);
  else if (patch.dueAt !== undefined) commands.push(["ZADD", keys.due, patch.dueAt, id]);
  return commands;
}

function follow({ id }: View, { enqueue, acknowledge, deferCancel }: Change): Command[] {
  const commands: Command[] = [];
  if (enqueue) commands.push(["XADD", keys.work, "*", "id", id]);
  if (deferCancel === null) commands.push(["HDEL", keys.deferredCancels, id]);
  else if (deferCancel !== undefined) commands.push(["HSET", keys.deferredCancels, id, deferCancel]);
  if (acknowledge !== undefined) {
    commands.push(["XACK", keys.work, dispatchGroup, acknowledge], ["XDEL", keys.work, acknowledge]);
  }
  return commands;
}

function hide(id: string, owner: Owner | undefined): Command[] {
  return remember(id, owner, "+inf");
}

function purge(view: View, owner: Owner | undefined): Command[] {
  const { id } = view;
  return [
    ["DEL", keys.record(id), keys.metadata(id), keys.sidecar(id)],
    ["ZREM", keys.due, id],
    ["HDEL", keys.deferredCancels, id],
    ...remember(id, owner, view.now + deletionMemory),
  ];
}

function remember(id: string, owner: Owner | undefined, until: number | string): Command[] {
  const commands: Command[] = [["ZADD", keys.deleted, until, id]];
  if (owner) commands.push(["HSET", keys.deletedOwners, id, JSON.stringify([owner.service, owner.user])]);
  return commands;
}

function ownerKeys(owner: Owner): Record<"ownerSet" | "users" | "orderedOwnerSet" | "orderedUsers", string> {
  const [ownerSet, users] = [keys.owner(owner), keys.users(owner.service)];
  return { ownerSet, users, orderedOwnerSet: keys.ordered(ownerSet), orderedUsers: keys.ordered(users) };
}
