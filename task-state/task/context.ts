import type { Redis } from "ioredis";
import type { Clock } from "../record/clock.ts";
import type { Limiter } from "../redis/limiter.ts";
import type { Committer } from "./committer.ts";
import type { SequenceFault } from "./id-sequence.ts";
import type { Reader } from "./reader.ts";
import type { Submitter } from "./submit-script.ts";

/** The dependencies of every call of this library. */
export interface TaskStateContext {
  /** Handles every write, and every read that a decision depends on. */
  readonly primary: Redis;
  /** May lag behind the primary; the same connection as `primary` without a replica. */
  readonly replica: Redis;
  /** Handles submissions: the primary connection, or a separate one if a replication barrier blocks it. */
  readonly writer: Redis;
  /** Resolves with true when the replicas have the writer's writes; absent if no replicas are required. */
  readonly replicated?: () => Promise<boolean>;
  /** Reads single tasks, in batches. */
  readonly read: Reader;
  /** Limits concurrent reads of many records: their garbage stays short-lived only while few run at once. */
  readonly limitReads: Limiter;
  /** Stores the submissions of this process. */
  readonly submit: Submitter;
  /** Runs the commits of this process. */
  readonly commit: Committer;
  readonly clock: Clock;
  /** Lifetime of task data and indexes, in seconds, counted from the last save. */
  readonly ttlSeconds: number;
  /** True when this save refreshes the expiry of a shared set; see {@link createRefreshCheck}. */
  readonly isRefreshDue: (set: string) => boolean;
  /** The same for submissions. */
  readonly isRefreshDueAtSubmission: (set: string) => boolean;
  /** How long an idempotency key is remembered, in seconds. */
  readonly idempotencyTtlSeconds: number;
  /** Called for each task that cannot be read. Returns true if the task was not reported recently. */
  readonly onUnreadable: (taskId: string, reason: string) => boolean;
  /** Called with the reason why no id can be assigned, at most once a minute. */
  readonly onSequenceFault: (fault: SequenceFault) => void;
}
