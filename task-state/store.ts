import type { Redis } from "ioredis";
import {
  type Page,
  type PageRequest,
  type PieceReader,
  pieceReader,
  readAll,
  readPage,
  type Scope,
} from "./lists/lists.ts";
import { type Sweep, sweep } from "./lists/sweep.ts";
import { readUsers } from "./lists/users.ts";
import { type Clock, createClock } from "./record/clock.ts";
import type { Owner, Parameters, RecordChange } from "./record/record.ts";
import { textFault } from "./record/text-fault.ts";
import { TaskStateError } from "./redis/errors.ts";
import { ownerFault } from "./redis/keys.ts";
import { createRefreshCheck } from "./redis/lifetimes.ts";
import { createLimiter } from "./redis/limiter.ts";
import { createReplicationBarrier } from "./redis/replication.ts";
import { createThrottle } from "./redis/throttle.ts";
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
  /** A connection to the primary for submissions only, which are acknowledged when `count` replicas have them. */
  readonly replication?: { readonly writer: Redis; readonly count: number };
  /** Lifetime of task data in seconds, counted from the last save. @default 7776000 (90 days) @minimum 1 */
  readonly ttlSeconds?: number;
  /** How long an idempotency key is remembered, in seconds. @default 86400 (a day) @minimum 1 */
  readonly idempotencyTtlSeconds?: number;
  /** IANA time zone of the times in records. @default Asia/Seoul */
  readonly timeZone?: string;
  /** True when the process itself runs in `timeZone` (`TZ`), so that its own clock shows the offset. @default false */
  readonly isLocalTimeZone?: boolean;
  /** Called for each task that cannot be read and becomes a dead letter, at most once a minute. @default nothing */
  readonly onUnreadable?: (taskId: string, reason: string) => void;
  /** Called with the reason why no id can be assigned, at most once a minute for each reason. @default nothing */
  readonly onSequenceFault?: (fault: SequenceFault) => void;
}

/** Reads and changes tasks, for functions and other services. Ids are decimal strings. */
export interface TaskStore {
  /**
   * Records a new `pending` task and its queue entry in one atomic step, and returns its id. The caller must check the owner
   * with `identityFault`.
   * @throws TaskStateError `sequence_damaged` or `ids_taken` when no id can be assigned, and nothing is stored;
   * `not_replicated` when too few replicas have the task in time; the task may exist all the same
   */
  submit(owner: Owner, parameters: Parameters, options?: SubmitOptions): Promise<string>;
  /** Like `submit`, but only once for all retries with the same key of the owner, see {@link submitOnce}. */
  submitOnce(owner: Owner, parameters: Parameters, key: string, options?: SubmitOptions): Promise<Submission>;
  /**
   * Records a new `pending` task that another service runs itself; the dispatcher does not submit it.
   * @throws TaskStateError `invalid_owner` when the service or user id is invalid, `invalid_parameters` when a parameter is no
   * text that can be stored
   */
  register(owner: Owner, parameters: Parameters): Promise<string>;
  /**
   * Reads the task's JSON, with the usual values of members that other programs left out; `undefined` when there is none for this owner (for any owner if none is given).
   * @throws TaskStateError `unreadable` when it cannot be read; so do `update`, `cancel` and, for an owner, `delete`
   */
  get(id: string, owner?: Owner): Promise<string | undefined>;
  /** Reads one page of a list, in O(page); it ends at its limit, or after about 1 MiB of records. */
  page(scope: Scope, request: PageRequest): Promise<Page>;
  /** Yields a whole list, ascending, in bounded pieces of records' JSON. */
  all(scope: Scope): AsyncGenerator<string[], void>;
  /** Reads a page, or a whole list if no page is given, piece by piece. */
  pieces(scope: Scope, page?: PageRequest): PieceReader;
  /** Reads the users of a service who have tasks, sorted by code point. */
  users(service: string): Promise<string[]>;
  /** Changes fields of a record by compare-and-set; refuses a transition that the lifecycle forbids. */
  update(id: string, change: RecordChange): Promise<Update>;
  /** Requests a cancellation and returns the current task; an ended task is returned unchanged. */
  cancel(id: string, owner?: Owner): Promise<string | undefined>;
  /** Deletes a task and returns it as it was; if the scheduler may have it, it is cancelled there before it is removed. */
  delete(id: string, owner?: Owner): Promise<string | undefined>;
  /** Brings the indexes in line with the records; see {@link sweep}. */
  repair(signal?: AbortSignal): Promise<Sweep>;
}

/** Concurrent reads of many records in one process. */
const concurrentReads = 1;

/** Creates the context of all calls from the options of a store. */
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
    clock: lazyClock(options.timeZone ?? "Asia/Seoul", options.isLocalTimeZone),
    ttlSeconds,
    isRefreshDue: createRefreshCheck(ttlSeconds),
    isRefreshDueAtSubmission: createRefreshCheck(ttlSeconds),
    idempotencyTtlSeconds: options.idempotencyTtlSeconds ?? 86_400,
    onUnreadable: onceAMinute(options.onUnreadable ?? (() => {})),
    onSequenceFault: onceAMinute(options.onSequenceFault ?? (() => {})),
  };
}

/** Creates a store on a context, which the dispatcher may share. */
export function createTaskStore(context: TaskStateContext): TaskStore {
  return {
    submit: (owner, parameters, options) => submit(context, owner, parameters, "queued", options),
    submitOnce: (owner, parameters, key, options) => submitOnce(context, owner, parameters, key, options),
    register: async (owner, parameters) => submit(context, checked(owner), checkedParameters(parameters), "external"),
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

function checkedParameters(parameters: Parameters): Parameters {
  for (const [name, value] of Object.entries(parameters)) {
    const fault = textFault(name) ?? textFault(String(value));
    if (fault !== undefined)
      throw new TaskStateError("invalid_parameters", `parameter ${JSON.stringify(name)} ${fault}`);
  }
  return parameters;
}

/** Loading a time zone is a tenth of a cold start, and most cold starts do not need the time. */
function lazyClock(timeZone: string, isLocal = false): Clock {
  let clock: Clock | undefined;
  return () => {
    clock ??= createClock(timeZone, undefined, { isLocal });
    return clock();
  };
}

/** Calls `report` for each key at most once a minute. @returns whether it was called */
function onceAMinute<Key extends string, Rest extends unknown[]>(
  report: (key: Key, ...rest: Rest) => void,
): (key: Key, ...rest: Rest) => boolean {
  const isDue = createThrottle(60_000);
  return (key, ...rest) => {
    if (!isDue(key)) return false;
    report(key, ...rest);
    return true;
  };
}
