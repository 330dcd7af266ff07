import type { Redis } from "ioredis";
import type { Clock } from "../record/clock.ts";
import type { Limiter } from "../redis/limiter.ts";
import type { Committer } from "./committer.ts";
import type { SequenceFault } from "./id-sequence.ts";
import type { Reader } from "./reader.ts";
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
