import { hasEnded } from "../record/record.ts";
import { notUtf8, type RecordReading, unreadable } from "../record/record-reader.ts";
import { shownText } from "../record/shown-record.ts";
import { ifWritable, isUnavailable } from "../redis/errors.ts";
import { keys } from "../redis/keys.ts";
import { pageBytes, pieceBytes, type RawRecord, readRaw, readRaws } from "../redis/raw-records.ts";
import { isGarbled, mayBeGarbled, wrongType } from "../redis/record-text.ts";
import type { TaskStateContext } from "../task/context.ts";
import { reportUnreadable, type Unreadable } from "../task/quarantine.ts";
import { withDeferredCancel } from "../task/read.ts";
import { catchUp } from "./catch-up.ts";
import { idsBehind } from "./ids-behind.ts";

/** The tasks that a list shows: all, those of a service, or those of one user in a service. */
export interface Scope {
  readonly service?: string;
  /** Only together with a service. */
  readonly user?: string;
}

export type Order = "asc" | "desc";

export interface PageRequest {
  /** Tasks on the page, 1–1000. */
  readonly limit: number;
  /** Continue after this task id. */
  readonly cursor?: string;
  readonly order: Order;
}

export interface Page {
  /** Records as `shownText` gives them, in the order of their ids. */
  readonly tasks: string[];
  /** Pass it as `cursor` to get the next page; absent on the last one. */
  readonly nextCursor?: string;
  /** The number of tasks skipped because they cannot be read; absent if there are none. */
  readonly unreadable?: number;
}

/** A part of a page or of a whole list. */
export interface Piece extends Page {
  /** True for the last piece of the request; `nextCursor` then shows whether the list continues. */
  readonly last: boolean;
}

/** Ids read per command, so that no single command blocks Redis for long. */
const chunkSize = 500;
/** Least number of ids read for a piece. */
const fewestIds = 8;

/** The shared set that holds a scope's ids. */
export function scopeSet({ service, user }: Scope): string {
  if (service === undefined) return keys.tasks;
  return user === undefined ? keys.service(service) : keys.owner({ service, user });
}

/** Reads the next piece; `undefined` after the last one. Call it again only after it has resolved. */
export type PieceReader = () => Promise<Piece | undefined>;

/**
 * Reads one page, in O(page) whatever the total. It ends at the limit, or after {@link pageBytes}. Expired and unreadable
 * records are skipped; the following ones fill the page.
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

/** Yields the whole list in pieces, ascending; tasks submitted meanwhile may appear at its end. */
export async function* readAll(context: TaskStateContext, scope: Scope): AsyncGenerator<string[], void> {
  const next = pieceReader(context, scope);
  for (let piece = await next(); piece; piece = await next()) yield piece.tasks;
}

/**
 * Creates the reader of a page, or of the whole list ascending if no page is given, in pieces of at most 500 records and
 * about {@link pieceBytes}. Between two pieces it keeps only the position at which it continues.
 */
export function pieceReader(context: TaskStateContext, scope: Scope, page?: PageRequest): PieceReader {
  const set = scopeSet(scope);
  const order = page?.order ?? "asc";
  let tasksLeft = page?.limit ?? Number.POSITIVE_INFINITY;
  let bytesLeft = page ? pageBytes : Number.POSITIVE_INFINITY;
  let cursor = page?.cursor;
  let idsAtOnce = chunkSize;
  let position: "start" | "middle" | "end" = "start";
  return async () => {
    if (position === "end") return undefined;
    if (position === "start") await catchUp(context, set);
    const wanted = Math.min(tasksLeft, idsAtOnce);
    // Read anew for each piece, because only the index shows which tasks were deleted while the reader waited.
    const ids = await nextIds(context, set, order, cursor, wanted + 1);
    const { tasks, reached, passedOver } = await context.limitReads(() =>
      readRecords(context, set, ids.slice(0, wanted)),
    );
    const more = reached < ids.length;
    cursor = ids[reached - 1] ?? cursor;
    // Few large records fit into a piece: too many ids would be read again and again.
    idsAtOnce = Math.min(chunkSize, Math.max(fewestIds, 2 * reached));
    tasksLeft -= tasks.length;
    for (const raw of tasks) bytesLeft -= Buffer.byteLength(raw);
    const last = !more || tasksLeft === 0 || bytesLeft < pieceBytes;
    position = last ? "end" : "middle";
    return {
      tasks,
      last,
      ...(more && cursor !== undefined ? { nextCursor: cursor } : {}),
      ...(passedOver > 0 ? { unreadable: passedOver } : {}),
    };
  };
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
  /** The number of ids processed. */
  readonly reached: number;
  /** How many of these cannot be read. */
  readonly passedOver: number;
}

/** Reads the records of the first ids, as many as a piece holds, and removes expired ones from the index. */
async function readRecords(context: TaskStateContext, set: string, ids: readonly string[]): Promise<Records> {
  if (ids.length === 0) return { tasks: [], reached: 0, passedOver: 0 };
  // In this order: otherwise a cancellation that moves into its record between the two reads would appear in neither.
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
      tasks.push(since === undefined ? shownText(reading.record, raw) : withDeferredCancel(reading.record, raw, since));
    }
  }
  const replaced = await existing(context, expired);
  passedOver.push(...replaced.map((id) => ({ id, reason: wrongType.record })));
  await reportUnreadable(context, passedOver);
  const gone = expired.filter((id) => !replaced.includes(id));
  // Ids are never reused, so a record that is gone from the primary stays gone.
  if (gone.length > 0) await ifWritable(context.primary.zrem(keys.ordered(set), ...gone));
  return { tasks, reached: bodies.length, passedOver: passedOver.length };
}

interface Body {
  readonly raw: string;
  readonly reading: RecordReading;
}

/** The ids whose key exists although MGET returned nothing: it has another type than a string. */
async function existing({ primary }: TaskStateContext, ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map((id) => primary.exists(keys.record(id))));
  return ids.filter((_, index) => answers[index] === 1);
}

/**
 * Trusts a replica only where its lag makes no difference: an ended task does not change any more, unless it was amended, and
 * the index, which comes from the primary, shows whether it is deleted. Everything else is read again from the primary.
 */
async function readBodies(context: TaskStateContext, ids: readonly string[]): Promise<(Body | undefined)[]> {
  if (context.replica === context.primary) return parseBodies(ids, await readRaws(context.primary, ids));
  const [raws, amended] = await Promise.all([askReplica(context, ids), context.primary.zmscore(keys.amended, ...ids)]);
  const bodies = parseBodies(ids, raws);
  const doubtful = [...bodies.keys()].filter((index) => {
    const reading = bodies[index]?.reading;
    return !(reading?.kind === "record" && hasEnded(reading.record)) || amended[index] !== null;
  });
  if (doubtful.length === 0) return bodies;
  const asked = doubtful.map((index) => ids[index] as string);
  const answers = await readRaws(context.primary, asked);
  for (const [position, body] of parseBodies(asked, answers).entries()) bodies[doubtful[position] as number] = body;
  // Records beyond the primary's limit of bytes start the next piece.
  return bodies.slice(0, doubtful[answers.length] ?? bodies.length);
}

/** Reads from the replica; if that is unavailable, everything is read from the primary. */
async function askReplica({ replica }: TaskStateContext, ids: readonly string[]): Promise<RawRecord[]> {
  try {
    return await readRaws(replica, ids);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return ids.map(() => null);
  }
}

function parseBodies(ids: readonly string[], raws: readonly RawRecord[]): (Body | undefined)[] {
  return raws.map((raw, index) => {
    if (raw === null) return undefined;
    return { raw: typeof raw === "string" ? raw : "", reading: readRaw(ids[index] as string, raw) };
  });
}
