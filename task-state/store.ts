import type { Redis } from "ioredis";
import {
  type Page,
  type PageRequest,
  type PieceReader,
  pieceReader,
  readAll,
  readPage,
  readUsers,
  type Scope,
} from "./lists/lists.ts";
import { type Sweep, sweep } from "./lists/sweep.ts";
import { type Clock, createClock } from "./record/clock.ts";
import type { Owner, Parameters, RecordChange } from "./record/record.ts";
import { TaskStateError } from "./redis/errors.ts";
import { ownerFault } from "./redis/keys.ts";
import { createRefreshCheck } from "./redis/lifetimes.ts";
import { createLimiter } from "./redis/limiter.ts";
import { createReplicationBarrier } from "./redis/replication.ts";
import { cancelTask, deleteTask, type Update, updateTask } from "./task/change-task.ts";
import { createCommitter } from "./task/committer.ts";
import type { TaskStateContext } from "./task/context.ts";
import type { SequenceFault } from "./task/id-sequence.ts";
import { readTask } from "./task/read.ts";
import { createReader } from "./task/reader.ts";
import { type Submission, type SubmitOptions, submit, submitOnce } from "./task/submit.ts";
import { createSubmitter } from "./task/submit-script.ts";

export interface TaskStoreOptions {
  /** The primary: takes all writes. */
  readonly primary: Redis;
  /** A replica that may lag. @default the primary */
  readonly replica?: Redis;
  /** A connection to the primary for submissions alone, which are acknowledged when `count` replicas have them. */
  readonly replication?: { readonly writer: Redis; readonly count: number };
  /** Lifetime of task data in seconds, counted from the last save. @default 7776000 (90 days) @minimum 1 */
  readonly ttlSeconds?: number;
  /** How long an idempotency key is remembered, in seconds. @default 86400 (a day) @minimum 1 */
  readonly idempotencyTtlSeconds?: number;
  /** IANA time zone of the times in records. @default Asia/Seoul */
  readonly timeZone?: string;
  /** Told about each task that cannot be read and is therefore set aside, once a minute. @default nothing */
  readonly onUnreadable?: (taskId: string, reason: string) => void;
  /** Told why no id can be given out, once a minute at most for each reason. @default nothing */
  readonly onSequenceFault?: (fault: SequenceFault) => void;
}

/** The tasks, as functions and other services may see and change them. Ids are decimal strings. */
export interface TaskStore {
  /**
   * Records a new `pending` task and its place in the queue in one atomic step, and gives its id. The caller has checked
   * the owner with `identityFault`.
   * @throws TaskStateError `sequence_damaged` or `ids_taken` when there is no id for it, and nothing is stored;
   * `not_replicated` when too few replicas have it in time; the task may exist all the same
   */
  submit(owner: Owner, parameters: Parameters, options?: SubmitOptions): Promise<string>;
  /** As `submit`, but once for all repetitions with the same key of the owner's, see {@link submitOnce}. */
  submitOnce(owner: Owner, parameters: Parameters, key: string, options?: SubmitOptions): Promise<Submission>;
  /**
   * Records a new `pending` task that another service runs itself; the dispatcher leaves it alone.
   * @throws TaskStateError `invalid_owner` when the service or user id cannot be used
   */
  register(owner: Owner, parameters: Parameters): Promise<string>;
  /**
   * The task's JSON as stored, or `undefined` when there is none for this owner (any owner where none is given).
   * @throws TaskStateError `unreadable` when it cannot be read; so do `update`, `cancel` and, for an owner, `delete`
   */
  get(id: string, owner?: Owner): Promise<string | undefined>;
  /** One page of a list, in O(page); it ends with its limit, or with about 1 MiB of records. */
  page(scope: Scope, request: PageRequest): Promise<Page>;
  /** A whole list, ascending, in bounded pieces of records' JSON. */
  all(scope: Scope): AsyncGenerator<string[], void>;
  /** Reads a page, or a whole list where none is requested, piece by piece. */
  pieces(scope: Scope, page?: PageRequest): PieceReader;
  /** The users of a service who have tasks, sorted by code point. */
  users(service: string): Promise<string[]>;
  /** Changes fields of a record, compare-and-set; refuses a move that the lifecycle forbids. */
  update(id: string, change: RecordChange): Promise<Update>;
  /** Asks for a cancellation and gives the task as it is now; an ended task is given unchanged. */
  cancel(id: string, owner?: Owner): Promise<string | undefined>;
  /** Deletes a task and gives it as it was; what the scheduler still has of it is cancelled before it is forgotten. */
  delete(id: string, owner?: Owner): Promise<string | undefined>;
  /** Brings the indexes in line with the records; see {@link sweep}. */
  repair(signal?: AbortSignal): Promise<Sweep>;
}

/** Reads of many records that a process has under way at once. */
const concurrentReads = 1;

/** What the verbs stand on, from the options of a store. */
export function createContext(options: TaskStoreOptions): TaskStateContext {
  const { replication, ttlSeconds = 7_776_000 } = options;
  const writer = replication?.writer ?? options.primary;
  return {
    primary: options.primary,
    replica: options.replica ?? options.primary,
    writer,
    ...(replication ? { replicated: createReplicationBarrier(replication.writer, replication.count) } : {}),
    read: createReader(options.primary),
    limitReads: createLimiter(concurrentReads),
    submit: createSubmitter(writer, { ttlSeconds }),
    commit: createCommitter(options.primary, ttlSeconds),
    clock: lazyClock(options.timeZone ?? "Asia/Seoul"),
    ttlSeconds,
    isRefreshDue: createRefreshCheck(ttlSeconds),
    isRefreshDueAtSubmission: createRefreshCheck(ttlSeconds),
    idempotencyTtlSeconds: options.idempotencyTtlSeconds ?? 86_400,
    onUnreadable: onceAMinute(options.onUnreadable ?? (() => {})),
    onSequenceFault: atIntervals(60_000, options.onSequenceFault ?? (() => {})),
  };
}

/** The store over a context that the dispatcher may share. */
export function createTaskStore(context: TaskStateContext): TaskStore {
  return {
    submit: (owner, parameters, options) => submit(context, owner, parameters, "queued", options),
    submitOnce: (owner, parameters, key, options) => submitOnce(context, owner, parameters, key, options),
    register: async (owner, parameters) => submit(context, checked(owner), parameters, "external"),
    get: (id, owner) => readTask(context, id, owner),
    page: (scope, request) => readPage(context, scope, request),
    all: (scope) => readAll(context, scope),
    pieces: (scope, page) => pieceReader(context, scope, page),
    users: (service) => readUsers(context, service),
    update: (id, change) => updateTask(context, id, change),
    cancel: (id, owner) => cancelTask(context, id, owner),
    delete: (id, owner) => deleteTask(context, id, owner),
    repair: (signal) => sweep(context, signal),
  };
}

function checked(owner: Owner): Owner {
  const fault = ownerFault(owner);
  if (fault !== undefined) throw new TaskStateError("invalid_owner", fault);
  return owner;
}

/** Most cold starts never tell the time, and loading a time zone is a tenth of one. */
function lazyClock(timeZone: string): Clock {
  let clock: Clock | undefined;
  return () => {
    clock ??= createClock(timeZone);
    return clock();
  };
}

/** Calls `tell` for each word at most once in so many ms. */
function atIntervals<Word extends string>(ms: number, tell: (word: Word) => void): (word: Word) => void {
  const toldAt = new Map<Word, number>();
  return (word) => {
    const now = performance.now();
    if (now - (toldAt.get(word) ?? Number.NEGATIVE_INFINITY) < ms) return;
    toldAt.set(word, now);
    tell(word);
  };
}

/** Calls `tell` for the first sight of each id in a minute; remembers a bounded number of them. */
function onceAMinute(tell: (id: string, reason: string) => void): (id: string, reason: string) => boolean {
  const told = new Map<string, number>();
  return (id, reason) => {
    const now = performance.now();
    if (now - (told.get(id) ?? Number.NEGATIVE_INFINITY) < 60_000) return false;
    if (told.size >= 10_000) told.clear();
    told.set(id, now);
    tell(id, reason);
    return true;
  };
}
