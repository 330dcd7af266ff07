import type { TaskStateContext } from "./context.ts";
import { ifWritable, isUnavailable } from "./errors.ts";
import { healIfBehind } from "./heal.ts";
import { idsBehind } from "./ids-behind.ts";
import { keys } from "./keys.ts";
import { withDeferredCancel } from "./read.ts";
import { hasEnded, parseRecord, type TaskRecord } from "./record.ts";

/** Whose tasks a list shows: everybody's, a service's, or one user's in a service. */
export interface Scope {
  readonly service?: string;
  /** Only together with a service. */
  readonly user?: string;
}

export type Order = "asc" | "desc";

export interface PageRequest {
  /** Tasks on the page, 1–1000. */
  readonly limit: number;
  /** Continue behind this task id. */
  readonly cursor?: string;
  readonly order: Order;
}

export interface Page {
  /** Records as stored, in the order of their ids. */
  readonly tasks: string[];
  /** Give it as `cursor` for the next page; absent on the last one. */
  readonly nextCursor?: string;
}

/** Ids and records are read in pieces of this many, so that no single command holds Redis up. */
const chunkSize = 500;

/** The shared set that holds a scope's ids. */
export function scopeSet({ service, user }: Scope): string {
  if (service === undefined) return keys.tasks;
  return user === undefined ? keys.service(service) : keys.owner({ service, user });
}

/**
 * One page, in O(page) whatever the total. Expired and unreadable records are left out and replaced by the ones behind
 * them, so that only the last page is short.
 */
export async function readPage(context: TaskStateContext, scope: Scope, request: PageRequest): Promise<Page> {
  const set = scopeSet(scope);
  await healIfBehind(context, set);
  const tasks: string[] = [];
  let cursor = request.cursor;
  for (;;) {
    const wanted = request.limit - tasks.length;
    const ids = await nextIds(context, set, request.order, cursor, Math.min(wanted, chunkSize) + 1);
    const more = ids.length > Math.min(wanted, chunkSize);
    if (more) ids.pop();
    tasks.push(...(await readRecords(context, set, ids)));
    cursor = ids.at(-1) ?? cursor;
    if (!more) return { tasks };
    if (tasks.length === request.limit && cursor !== undefined) return { tasks, nextCursor: cursor };
  }
}

/** The whole list in pieces of at most 500 records, ascending; what is submitted meanwhile may appear at its end. */
export async function* readAll(context: TaskStateContext, scope: Scope): AsyncGenerator<string[], void> {
  const set = scopeSet(scope);
  await healIfBehind(context, set);
  let cursor: string | undefined;
  for (;;) {
    const ids = await nextIds(context, set, "asc", cursor, chunkSize);
    if (ids.length > 0) yield await readRecords(context, set, ids);
    if (ids.length < chunkSize) return;
    cursor = ids.at(-1);
  }
}

/** The users of a service who have tasks, sorted by code point. */
export async function readUsers(context: TaskStateContext, service: string): Promise<string[]> {
  await healIfBehind(context, keys.service(service));
  const ordered = keys.ordered(keys.users(service));
  const users: string[] = [];
  for (;;) {
    const last = users.at(-1);
    const from = last === undefined ? "-" : `(${last}`;
    const piece = await context.primary.zrange(ordered, from, "+", "BYLEX", "LIMIT", 0, chunkSize);
    users.push(...piece);
    if (piece.length < chunkSize) return users;
  }
}

function nextIds(
  context: TaskStateContext,
  set: string,
  order: Order,
  cursor: string | undefined,
  count: number,
): Promise<string[]> {
  return idsBehind(context.primary, keys.ordered(set), order, cursor, count);
}

/** The readable records of these ids, in their order. What has expired leaves the index on the way. */
async function readRecords(context: TaskStateContext, set: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const found = new Map<string, string>();
  // In this order: a cancellation that moves into its record between the two would else be seen in neither.
  const [deferred, bodies] = await Promise.all([
    context.primary.hmget(keys.deferredCancels, ...ids),
    readBodies(context, ids),
  ]);
  const expired: string[] = [];
  for (const [index, id] of ids.entries()) {
    const body = bodies[index];
    if (body === undefined) {
      expired.push(id);
    } else if (body.record === undefined) {
      context.onUnreadable(id);
    } else {
      const since = deferred[index] ?? undefined;
      found.set(id, since === undefined ? body.raw : withDeferredCancel(body.record, body.raw, since));
    }
  }
  // Ids are never given out twice, so a record that is gone from the primary stays gone.
  if (expired.length > 0) await ifWritable(context.primary.zrem(keys.ordered(set), ...expired));
  return [...found.values()];
}

interface Body {
  readonly raw: string;
  readonly record: TaskRecord | undefined;
}

/**
 * A replica is believed only where its lag cannot be noticed: an ended task does not change any more, and whether it is
 * deleted shows in the index, which comes from the primary. Everything else is asked again at the primary.
 */
async function readBodies(context: TaskStateContext, ids: readonly string[]): Promise<(Body | undefined)[]> {
  const bodies = parseBodies(await askReplica(context, ids.map(keys.record)));
  if (context.replica === context.primary) return bodies;
  const doubtful = ids.flatMap((_, index) => {
    const record = bodies[index]?.record;
    return record && hasEnded(record) ? [] : [index];
  });
  if (doubtful.length === 0) return bodies;
  const answers = parseBodies(await context.primary.mget(doubtful.map((index) => keys.record(ids[index] as string))));
  for (const [position, index] of doubtful.entries()) bodies[index] = answers[position];
  return bodies;
}

/** A replica that cannot be asked has nothing: then all of it is asked at the primary. */
async function askReplica({ primary, replica }: TaskStateContext, names: string[]): Promise<(string | null)[]> {
  try {
    return await replica.mget(names);
  } catch (error) {
    if (replica === primary || !isUnavailable(error)) throw error;
    return names.map(() => null);
  }
}

function parseBodies(raws: readonly (string | null)[]): (Body | undefined)[] {
  return raws.map((raw) => (raw === null ? undefined : { raw, record: parseRecord(raw) }));
}
