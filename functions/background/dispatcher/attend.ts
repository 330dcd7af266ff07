import type { Logger } from "../../../shared/logger.ts";
import {
  acknowledge,
  type Change,
  type Claim,
  commit,
  type Express,
  look,
  type TaskStateContext,
  type View,
} from "../../../task-state/index.ts";
import type { Gate } from "./gate.ts";
import { nextStep, type Step } from "./next-step.ts";
import type { Place } from "./place.ts";
import type { Policy } from "./policy.ts";
import { type Attempt, request, submitBegun } from "./request.ts";
import type { SchedulerClient } from "./scheduler-client.ts";
import { letGo, type Result } from "./store-outcome.ts";

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

/** More steps than a task ever takes at once; a wrong decision must not run in a circle. */
const maxSteps = 50;

/**
 * Does for a claimed task what there is to do, one step at a time, until it can be let go of. Every step is committed
 * against the task as it was seen; where somebody else was faster, the task is looked at and decided on anew.
 */
export async function attend(attendance: Attendance, claim: Claim, place: Place): Promise<void> {
  const { context, express, holder, log, policy } = attendance;
  const { entry, hold, begunAt } = claim;
  const attempt = { entryId: entry.entryId, claimedAt: claim.askedAt, place };
  let view = claim.view;
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const result =
      begunAt !== undefined && steps === 0 && view.record
        ? await submitBegun(attendance, view, view.record, { ...attempt, finish: () => express.finish(claim) })
        : await take(attendance, view, nextStep(view, policy, hold), attempt);
    if (result === "done") return;
    if (result) {
      view = result;
      continue;
    }
    view = await look(context, view.id);
    if (!view.sidecar) return acknowledge(context.primary, entry.entryId);
    if (view.sidecar.lease !== holder) return;
  }
  log.error({ task: view.id }, "A task was not brought to rest; it will be looked at again");
}

async function take(attendance: Attendance, view: View, step: Step, attempt: Attempt): Promise<Result> {
  if (step.kind === "submit" || step.kind === "cancel") return request(attendance, view, step.kind, attempt);
  const written = await commit(attendance.context, view, changeOf(view, step, attempt.entryId));
  return written && step.kind !== "write" ? "done" : written;
}

function changeOf(view: View, step: Exclude<Step, { kind: "submit" | "cancel" }>, entryId: string): Change {
  switch (step.kind) {
    case "purge":
      return { remove: "purge", acknowledge: entryId };
    case "write":
      return step.change;
    case "rest": {
      const { until, hold } = step;
      const parked = hold === undefined ? {} : { hold, ...(view.sidecar?.dueAt === undefined ? {} : { dueAt: null }) };
      return {
        sidecar: { ...letGo, ...parked, ...(until === undefined ? {} : { dueAt: until }) },
        acknowledge: entryId,
      };
    }
  }
}
