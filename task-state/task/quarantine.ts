import type { Owner } from "../record/record.ts";
import { ifAvailable, TaskStateError } from "../redis/errors.ts";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "./context.ts";

/** A task whose record or sidecar cannot be read. */
export interface Unreadable {
  readonly id: string;
  readonly reason: string;
}

/** A task that a dispatcher quarantines. */
export interface QuarantinedTask extends Unreadable {
  /** The entry that led to it; it is acknowledged in the same step. */
  readonly entryId?: string;
  /** The dispatcher whose lease on the task is released. */
  readonly holder?: string;
}

/** Wait before a quarantined task is re-checked, in ms. */
export const unreadablePause = 10_000;

/*
 * Lists tasks among the dead letters until they can be read. A letter of another kind is put back afterwards.
 * keys   work, dead, deadLetters, unreadable
 * args   group, now, again (ms); then per task: id, sidecar key, entry id, holder ('' for none), letter without its last brace
 */
const quarantineScript = defineScript({
  name: "quarantine",
  keys: ["work", "dead", "deadLetters", "unreadable"],
  args: ["group", "now", "again"],
  lua: `${writeCheck}
check_writes({ { 'ZADD', dead }, { 'HSET', deadLetters }, { 'ZADD', unreadable }, { 'XACK', work } })
local function quarantine(id, sidecar, entry, holder, letter)
  -- A listed task is not listed again: an operator may have discarded its letter.
  if not redis.call('ZSCORE', unreadable, id) then
    local before = redis.call('HGET', deadLetters, id)
    if before and not string.find(before, '"request":"read"', 1, true) then
      letter = letter .. ',"replaces":' .. before
    end
    redis.call('ZADD', dead, now, id)
    redis.call('HSET', deadLetters, id, letter .. '}')
    redis.call('ZADD', unreadable, again, id)
  end
  if holder ~= '' and redis.pcall('HGET', sidecar, 'lease') == holder then
    redis.call('HDEL', sidecar, 'lease', 'leaseUntil')
    redis.pcall('HINCRBY', sidecar, 'rev', 1)
  end
  if entry ~= '' then redis.call('XACK', work, group, entry) end
end
for index = first, #ARGV, 5 do
  check_right('HDEL', ARGV[index + 1])
  check_right('HINCRBY', ARGV[index + 1])
end
for index = first, #ARGV, 5 do quarantine(unpack(ARGV, index, index + 4)) end
return 1`,
});

/**
 * Quarantines tasks: lists them among the dead letters with the reason and acknowledges their entries. No dispatcher acts on
 * them until they can be read again, see `restoreReadable`. May be repeated.
 */
export async function quarantine(context: TaskStateContext, ...tasks: readonly QuarantinedTask[]): Promise<void> {
  if (tasks.length === 0) return;
  const [{ now }, ...owners] = await Promise.all([
    redisClock(context.primary),
    ...tasks.map(({ id }) => ownerOnFile(context, id)),
  ]);
  const words = tasks.flatMap(({ id, reason, entryId = "", holder = "" }, index) => {
    context.onUnreadable(id, reason);
    return [id, keys.sidecar(id), entryId, holder, letterStart(id, reason, owners[index], now)];
  });
  const { work, dead, deadLetters, unreadable } = keys;
  await quarantineScript(
    context.primary,
    { work, dead, deadLetters, unreadable },
    { group: dispatchGroup, now, again: now + unreadablePause },
    words,
  );
}

/** Quarantines the unreadable tasks that a list found, unless reported recently. A Redis that refuses writes does not fail the read. */
export async function reportUnreadable(context: TaskStateContext, found: readonly Unreadable[]): Promise<void> {
  const unreported = found.filter(({ id, reason }) => context.onUnreadable(id, reason));
  await ifAvailable(quarantine(context, ...unreported));
}

/**
 * Refuses to show or change a task that cannot be read.
 * @param owner the caller; `undefined`: an operator
 * @returns if the caller may not know that the task exists
 * @throws TaskStateError `unreadable`, with the reason
 */
export async function refuseUnreadable(
  context: TaskStateContext,
  { id, reason }: Unreadable,
  owner: Owner | undefined,
): Promise<void> {
  await ifAvailable(quarantine(context, { id, reason }));
  if (owner) {
    const known = await ownerOnFile(context, id);
    if (known?.service !== owner.service || known.user !== owner.user) return;
  }
  throw new TaskStateError("unreadable", `Task ${id} cannot be read: ${reason}`);
}

/** The owner that sidecar or metadata name, whatever the record says. */
export async function ownerOnFile({ primary }: TaskStateContext, id: string): Promise<Owner | undefined> {
  const [ours, shared] = await Promise.all([
    ownerIn(primary.hmget(keys.sidecar(id), "service", "user")),
    ownerIn(primary.hmget(keys.metadata(id), "service", "user_id")),
  ]);
  return ours ?? shared;
}

async function ownerIn(fields: Promise<(string | null)[]>): Promise<Owner | undefined> {
  const [service, user] = await fields.catch((error) => {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return [];
    throw error;
  });
  return typeof service === "string" && typeof user === "string" ? { service, user } : undefined;
}

function letterStart(id: string, error: string, owner: Owner | undefined, now: number): string {
  const named = owner ? { service: owner.service, user_id: owner.user } : {};
  const at = new Date(now).toISOString();
  return JSON.stringify({ task_id: id, ...named, request: "read", attempts: 1, error, at }).slice(0, -1);
}
