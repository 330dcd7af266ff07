import type { Logger } from "../../../../shared/logger.ts";
import type { FastPath, TaskStateContext, View } from "../../../../task-state/index.ts";
import type { CircuitBreaker } from "../limits/circuit-breaker.ts";
import type { ConcurrencyPermit } from "../limits/concurrency-permit.ts";
import type { Policy } from "../limits/policy.ts";
import type { SchedulerClient } from "../scheduler/scheduler-client.ts";

/** The dependencies of a reconciliation. */
export interface Reconciliation {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
  readonly breaker: CircuitBreaker;
  readonly fastPath: FastPath;
  /** This dispatcher's name, as its leases carry it. */
  readonly holder: string;
  /** Once aborted, no request starts and tasks not begun are handed back. */
  readonly stopping: AbortSignal;
  /** Once aborted, requests under way are cancelled. */
  readonly forceStop: AbortSignal;
}

/** The claim under which a request is sent. */
export interface Attempt {
  /** The entry to acknowledge when the lease is released. */
  readonly entryId: string;
  /** When the claim was requested, by `performance.now()`. */
  readonly claimedAt: number;
  readonly permit: ConcurrencyPermit;
  /** Finishes an accepted submission on the fast path. @returns the task if it changed since it began, else `undefined` */
  readonly finish?: () => Promise<View | undefined>;
}
