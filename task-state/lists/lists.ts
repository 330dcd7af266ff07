import { hasEnded } from "../record/record.ts";
import { notUtf8, type RecordReading, unreadable } from "../record/record-reader.ts";
import { ifWritable, isUnavailable } from "../redis/errors.ts";
import { keys } from "../redis/keys.ts";
import { pageBytes, pieceBytes, type RawRecord, readRaw, readRaws } from "../redis/raw-records.ts";
import { isGarbled, mayBeGarbled, wrongType } from "../redis/record-text.ts";
import type { TaskStateContext } from "../task/context.ts";
import { reportUnreadable, type Unreadable } from "../task/quarantine.ts";
import { withDeferredCancel } from "../task/read.ts";
import { healIfBehind } from "./heal.ts";
import { idsBehind } from "./ids-behind.ts";

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
  /** Tasks that were passed over because they cannot be read; absent where there are none. */
  readonly unreadable?: number;
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
  let unreadable = 0;
  for (;;) {
    const piece = await next();
    tasks.push(...(piece?.tasks ?? []));
    unreadable += piece?.unreadable ?? 0;
    if (piece && !piece.last) continue;
    return {
      tasks,
      ...(piece?.nextCursor === undefined ? {} : { nextCursor: piece.nextCursor }),
      ...(unreadable > 0 ? { unreadable } : {}),
    };
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
    const { tasks, reached, passedOver } = await context.limitReads(() =>
      readRecords(context, set, ids.slice(0, wanted)),
    );
    const more = reached < ids.length;
    cursor = ids[reached - 1] ?? cursor;
    // Of large records few fit into a piece: their ids would be read again and again.
    idsAtOnce = Math.min(chunkSize, Math.max(fewestIds, 2 * reached));
    tasksLeft -= tasks.length;
    for (const raw of tasks) bytesLeft -= Buffer.byteLength(raw);
    const last = !more || tasksLeft === 0 || bytesLeft < pieceBytes;
    place = last ? "end" : "amid";
    return {
      tasks,
      last,
      ...(more && cursor !== undefined ? { nextCursor: cursor } : {}),
      ...(passedOver > 0 ? { unreadable: passedOver } : {}),
    };
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
  return idsBehind(context.primary, keys.ordered(set), order, cursor, count);
}

interface Records {
  /** The readable ones, in the order of their ids. */
  readonly tasks: string[];
  /** How many of the ids were looked at. */
  readonly reached: number;
  /** How many of these cannot be read. */
  readonly passedOver: number;
}

/** The records of the first of these ids, as many as a piece holds. What has expired leaves the index on the way. */
async function readRecords(context: TaskStateContext, set: string, ids: readonly string[]): Promise<Records> {
  if (ids.length === 0) return { tasks: [], reached: 0, passedOver: 0 };
  // In this order: a cancellation that moves into its record between the two would else be seen in neither.
  const [deferred, bodies] = await Promise.all([
    context.primary.hmget(keys.deferredCancels, ...ids),
    readBodies(context, ids),
  ]);
  const tasks: string[] = [];
  const expired: string[] = [];
  const passedOver: Unreadable[] = [];
  for (const [index, body] of bodies.entries()) {
    const id = ids[index] as string;
    if (body === undefined) {
      expired.push(id);
      continue;
    }
    const { raw } = body;
    const reading = mayBeGarbled(raw) && (await isGarbled(context.primary, id)) ? unreadable(notUtf8) : body.reading;
    if (reading.kind === "unreadable") passedOver.push({ id, reason: reading.reason });
    else {
      const since = deferred[index] ?? undefined;
      tasks.push(since === undefined ? raw : withDeferredCancel(reading.record, raw, since));
    }
  }
  const replaced = await existing(context, expired);
  passedOver.push(...replaced.map((id) => ({ id, reason: wrongType.record })));
  await reportUnreadable(context, passedOver);
  const gone = expired.filter((id) => !replaced.includes(id));
  // Ids are never given out twice, so a record that is gone from the primary stays gone.
  if (gone.length > 0) await ifWritable(context.primary.zrem(keys.ordered(set), ...gone));
  return { tasks, reached: bodies.length, passedOver: passedOver.length };
}

interface Body {
  readonly raw: string;
  readonly reading: RecordReading;
}

/** Those of the ids whose key exists, though MGET gave nothing for it: it holds another type than a text. */
async function existing({ primary }: TaskStateContext, ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map((id) => primary.exists(keys.record(id))));
  return ids.filter((_, index) => answers[index] === 1);
}

/**
 * A replica is believed only where its lag cannot be noticed: an ended task does not change any more, and whether it is
 * deleted shows in the index, which comes from the primary. Everything else is asked again at the primary.
 */
async function readBodies(context: TaskStateContext, ids: readonly string[]): Promise<(Body | undefined)[]> {
  const bodies = parseBodies(ids, await askReplica(context, ids));
  if (context.replica === context.primary) return bodies;
  const doubtful = [...bodies.keys()].filter((index) => {
    const reading = bodies[index]?.reading;
    return !(reading?.kind === "record" && hasEnded(reading.record));
  });
  if (doubtful.length === 0) return bodies;
  const asked = doubtful.map((index) => ids[index] as string);
  const answers = await readRaws(context.primary, asked);
  for (const [position, body] of parseBodies(asked, answers).entries()) bodies[doubtful[position] as number] = body;
  // What the primary had no room for any more begins the next piece.
  return bodies.slice(0, doubtful[answers.length] ?? bodies.length);
}

/** A replica that cannot be asked has nothing: then all of it is asked at the primary. */
async function askReplica({ primary, replica }: TaskStateContext, ids: readonly string[]): Promise<RawRecord[]> {
  try {
    return await readRaws(replica, ids);
  } catch (error) {
    if (replica === primary || !isUnavailable(error)) throw error;
    return ids.map(() => null);
  }
}

function parseBodies(ids: readonly string[], raws: readonly RawRecord[]): (Body | undefined)[] {
  return raws.map((raw, index) => {
    if (raw === null) return undefined;
    return { raw: typeof raw === "string" ? raw : "", reading: readRaw(ids[index] as string, raw) };
  });
}
