import type { Logger } from "../../../../shared/logger.ts";
import type { Express, TaskStateContext, View } from "../../../../task-state/index.ts";
import type { Gate } from "../limits/circuit-breaker.ts";
import type { Place } from "../limits/place.ts";
import type { Policy } from "../limits/policy.ts";
import type { SchedulerClient } from "../scheduler/scheduler-client.ts";

/** What attending to a task stands on. */
export interface Attendance {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
  readonly gate: Gate;
  readonly express: Express;
  /** Whose leases are ours. */
  readonly holder: string;
  /** Aborted: start no request any more, hand back what is not begun. */
  readonly stopping: AbortSignal;
  /** Aborted: give up requests that are under way. */
  readonly hurry: AbortSignal;
}

/** The claim under which a request is sent. */
export interface Attempt {
  /** The entry to acknowledge when the task is let go of. */
  readonly entryId: string;
  /** When the claim was asked for, by `performance.now()`. */
  readonly claimedAt: number;
  readonly place: Place;
  /** Settles an accepted submission the short way; gives the task where it is not as it was begun any more. */
  readonly finish?: () => Promise<View | undefined>;
}
