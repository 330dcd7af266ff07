import type { TaskStateContext } from "./context.ts";
import { ifWritable, isUnavailable } from "./errors.ts";
import { healIfBehind } from "./heal.ts";
import { keys } from "./keys.ts";
import { pageBytes, pieceBytes, readRaws } from "./raw-records.ts";
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

/** A part of a page or of a whole list. */
export interface Piece extends Page {
  /** True when what was asked for ends here; `nextCursor` then tells whether the list goes on. */
  readonly last: boolean;
}

/** Ids are read in pieces of this many, so that no single command holds Redis up. */
const chunkSize = 500;
/** Ids that are read for a piece at least. */
const fewestIds = 8;

/** The shared set that holds a scope's ids. */
export function scopeSet({ service, user }: Scope): string {
  if (service === undefined) return keys.tasks;
  return user === undefined ? keys.service(service) : keys.owner({ service, user });
}

/** Reads the next piece; `undefined` behind the last one. To be called again only when it has answered. */
export type PieceReader = () => Promise<Piece | undefined>;

/**
 * One page, in O(page) whatever the total. It ends with the limit, or with {@link pageBytes}. Expired and unreadable
 * records are left out and replaced by the ones behind them.
 */
export async function readPage(context: TaskStateContext, scope: Scope, request: PageRequest): Promise<Page> {
  const next = pieceReader(context, scope, request);
  const tasks: string[] = [];
  for (;;) {
    const piece = await next();
    tasks.push(...(piece?.tasks ?? []));
    if (piece && !piece.last) continue;
    return piece?.nextCursor === undefined ? { tasks } : { tasks, nextCursor: piece.nextCursor };
  }
}

/** The whole list in pieces, ascending; what is submitted meanwhile may appear at its end. */
export async function* readAll(context: TaskStateContext, scope: Scope): AsyncGenerator<string[], void> {
  const next = pieceReader(context, scope);
  for (let piece = await next(); piece; piece = await next()) yield piece.tasks;
}

/**
 * Makes the reader of a page, or of the whole list ascending where none is requested, in pieces of at most 500 records and
 * about {@link pieceBytes}. It keeps nothing between two pieces but the place where it goes on.
 */
export function pieceReader(context: TaskStateContext, scope: Scope, page?: PageRequest): PieceReader {
  const set = scopeSet(scope);
  const order = page?.order ?? "asc";
  let tasksLeft = page?.limit ?? Number.POSITIVE_INFINITY;
  let bytesLeft = page ? pageBytes : Number.POSITIVE_INFINITY;
  let cursor = page?.cursor;
  let idsAtOnce = chunkSize;
  let place: "start" | "amid" | "end" = "start";
  return async () => {
    if (place === "end") return undefined;
    if (place === "start") await healIfBehind(context, set);
    const wanted = Math.min(tasksLeft, idsAtOnce);
    // Asked anew for each piece, because the index alone tells what was deleted while its reader waited.
    const ids = await nextIds(context, set, order, cursor, wanted + 1);
    const { tasks, reached } = await context.limitReads(() => readRecords(context, set, ids.slice(0, wanted)));
    const more = reached < ids.length;
    cursor = ids[reached - 1] ?? cursor;
    // Of large records few fit into a piece: their ids would be read again and again.
    idsAtOnce = Math.min(chunkSize, Math.max(fewestIds, 2 * reached));
    tasksLeft -= tasks.length;
    for (const raw of tasks) bytesLeft -= Buffer.byteLength(raw);
    const last = !more || tasksLeft === 0 || bytesLeft < pieceBytes;
    place = last ? "end" : "amid";
    return more && cursor !== undefined ? { tasks, nextCursor: cursor, last } : { tasks, last };
  };
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
  const ordered = keys.ordered(set);
  const from = cursor === undefined ? undefined : `(${cursor}`;
  return order === "asc"
    ? context.primary.zrange(ordered, from ?? "-inf", "+inf", "BYSCORE", "LIMIT", 0, count)
    : context.primary.zrange(ordered, from ?? "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 0, count);
}

interface Records {
  /** The readable ones, in the order of their ids. */
  readonly tasks: string[];
  /** How many of the ids were looked at. */
  readonly reached: number;
}

/** The records of the first of these ids, as many as a piece holds. What has expired leaves the index on the way. */
async function readRecords(context: TaskStateContext, set: string, ids: readonly string[]): Promise<Records> {
  if (ids.length === 0) return { tasks: [], reached: 0 };
  // In this order: a cancellation that moves into its record between the two would else be seen in neither.
  const [deferred, bodies] = await Promise.all([
    context.primary.hmget(keys.deferredCancels, ...ids),
    readBodies(context, ids),
  ]);
  const tasks: string[] = [];
  const expired: string[] = [];
  for (const [index, body] of bodies.entries()) {
    const id = ids[index] as string;
    if (body === undefined) {
      expired.push(id);
    } else if (body.record === undefined) {
      context.onUnreadable(id);
    } else {
      const since = deferred[index] ?? undefined;
      tasks.push(since === undefined ? body.raw : withDeferredCancel(body.record, body.raw, since));
    }
  }
  // Ids are never given out twice, so a record that is gone from the primary stays gone.
  if (expired.length > 0) await ifWritable(context.primary.zrem(keys.ordered(set), ...expired));
  return { tasks, reached: bodies.length };
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
  const bodies = parseBodies(await askReplica(context, ids));
  if (context.replica === context.primary) return bodies;
  const doubtful = [...bodies.keys()].filter((index) => {
    const record = bodies[index]?.record;
    return !(record && hasEnded(record));
  });
  if (doubtful.length === 0) return bodies;
  const answers = await readRaws(
    context.primary,
    doubtful.map((index) => ids[index] as string),
  );
  for (const [position, body] of parseBodies(answers).entries()) bodies[doubtful[position] as number] = body;
  // What the primary had no room for any more begins the next piece.
  return bodies.slice(0, doubtful[answers.length] ?? bodies.length);
}

/** A replica that cannot be asked has nothing: then all of it is asked at the primary. */
async function askReplica({ primary, replica }: TaskStateContext, ids: readonly string[]): Promise<(string | null)[]> {
  try {
    return await readRaws(replica, ids);
  } catch (error) {
    if (replica === primary || !isUnavailable(error)) throw error;
    return ids.map(() => null);
  }
}

function parseBodies(raws: readonly (string | null)[]): (Body | undefined)[] {
  return raws.map((raw) => (raw === null ? undefined : { raw, record: parseRecord(raw) }));
}
