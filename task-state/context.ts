import type { Redis } from "ioredis";
import type { Clock } from "./clock.ts";
import type { Committer } from "./commit.ts";
import type { SequenceFault } from "./id-sequence.ts";
import type { Limiter } from "./limiter.ts";
import type { Reader } from "./read.ts";
import type { Submitter } from "./submit-script.ts";

/** What every verb of this library stands on. */
export interface TaskStateContext {
  /** Takes every write, and every read that decides something. */
  readonly primary: Redis;
  /** May lag behind the primary; the same connection as `primary` where there is no replica. */
  readonly replica: Redis;
  /** Takes the submissions: the primary connection, or one of its own where a barrier waits on it. */
  readonly writer: Redis;
  /** Resolves with true when replicas have what the writer has written; absent where none are asked for. */
  readonly replicated?: () => Promise<boolean>;
  /** Reads the tasks that this process is asked for one by one. */
  readonly read: Reader;
  /** Runs the reads of many records: what they bring is short-lived garbage only while few are under way at once. */
  readonly limitReads: Limiter;
  /** Stores what this process submits. */
  readonly submit: Submitter;
  /** Runs the commits of this process. */
  readonly commit: Committer;
  readonly clock: Clock;
  /** Lifetime of task data and indexes, in seconds, counted from the last save. */
  readonly ttlSeconds: number;
  /** True when the expiry of a shared set is to be refreshed with this save; see {@link createRefreshCheck}. */
  readonly isRefreshDue: (set: string) => boolean;
  /** The same for submissions. */
  readonly isRefreshDueAtSubmission: (set: string) => boolean;
  /** How long an idempotency key is remembered, in seconds. */
  readonly idempotencyTtlSeconds: number;
  /** Told of each task that cannot be read. True: it was not told of this one lately. */
  readonly onUnreadable: (taskId: string, reason: string) => boolean;
  /** Told why no id can be given out, once a minute at most. */
  readonly onSequenceFault: (fault: SequenceFault) => void;
}

/** What the lifetimes of a task's keys follow from. */
export type Lifetimes = Pick<TaskStateContext, "ttlSeconds">;

/** Metadata outlives its record by a minute, as other programs expect. */
export function metadataTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 60;
}

/** The sidecar outlives the record by an hour, so that what an expired record leaves behind can still be found. */
export function sidecarTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 3600;
}

/** Sets whose last refresh is remembered. */
const rememberedSets = 10_000;

/**
 * Makes a check that lets the expiry of each set be refreshed once per thousandth of its lifetime, and not with every save:
 * a busy set would otherwise be told its expiry thousands of times a second.
 */
export function createRefreshCheck(ttlSeconds: number): (set: string) => boolean {
  const refreshedAt = new Map<string, number>();
  return (set) => {
    const now = performance.now();
    if (now - (refreshedAt.get(set) ?? Number.NEGATIVE_INFINITY) < ttlSeconds) return false;
    if (refreshedAt.size >= rememberedSets) refreshedAt.clear();
    refreshedAt.set(set, now);
    return true;
  };
}
