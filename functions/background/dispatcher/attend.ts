import type { Logger } from "../../../shared/logger.ts";
import { type Change, type Claim, commit, look, type TaskStateContext, type View } from "../../../task-state/index.ts";
import { nextStep, type Step } from "./next-step.ts";
import type { Policy } from "./policy.ts";
import type { SchedulerClient } from "./scheduler-client.ts";
import { beginCancellation, beginSubmission, type Settlement, settleCancellation, settleSubmission } from "./settle.ts";

/** What attending to a task stands on. */
export interface Attendance {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
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
export async function attend(attendance: Attendance, { entry, view: claimed }: Claim): Promise<void> {
  const { context, holder, log, policy } = attendance;
  const letGo = { lease: null, leaseUntil: null };
  const startedAt = performance.now();
  let view = claimed;
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const step = nextStep(view, policy);
    const handBack = attendance.stopping.aborted && (step.kind === "submit" || step.kind === "cancel");
    if (handBack) {
      const change: Change = { sidecar: letGo, enqueue: true, acknowledge: entry.entryId };
      if (await commit(context, view, change)) return;
    } else if (step.kind === "submit" || step.kind === "cancel") {
      // A process that has slept past its lease must not send: another one may have taken over.
      if (performance.now() - startedAt > policy.lease / 3) return;
      const settled = await request(attendance, view, step.kind, entry.entryId);
      if (settled === "done") return;
      if (settled) {
        view = settled;
        continue;
      }
    } else {
      const change = changeOf(step, entry.entryId);
      const next = await commit(context, view, change);
      if (next && step.kind !== "write") return;
      if (next) {
        view = next;
        continue;
      }
    }
    view = await look(context, view.id);
    if (view.sidecar?.lease !== holder) return;
  }
  log.error({ task: view.id }, "A task was not brought to rest; it will be looked at again");
}

function changeOf(step: Exclude<Step, { kind: "submit" | "cancel" }>, acknowledge: string): Change {
  switch (step.kind) {
    case "purge":
      return { remove: "purge", acknowledge };
    case "write":
      return step.change;
    case "rest":
      return {
        sidecar: { lease: null, leaseUntil: null, ...(step.until === undefined ? {} : { dueAt: step.until }) },
        acknowledge,
      };
  }
}

/**
 * Sends one request to the scheduler between two commits.
 * @returns the task afterwards; `done` when it was let go of; nothing when the task had changed before it was sent
 */
async function request(
  attendance: Attendance,
  view: View,
  kind: "submit" | "cancel",
  acknowledge: string,
): Promise<View | "done" | undefined> {
  const { context, client, policy, log, holder, hurry } = attendance;
  const begin = kind === "submit" ? beginSubmission(view, policy) : beginCancellation(view);
  const begun = await commit(context, view, begin);
  if (!begun?.record) return undefined;

  const sentAt = performance.now();
  const outcome = await client[kind](begun.record, hurry, begun.sidecar?.trace);
  const took = Math.round(performance.now() - sentAt);
  if (outcome.kind === "accepted") log.debug({ task: view.id, request: kind, ms: took }, "scheduler has accepted");
  else log.warn({ task: view.id, request: kind, outcome, ms: took }, "scheduler has not accepted");

  const settle = kind === "submit" ? settleSubmission : settleCancellation;
  // The time of the answer counts for waits, not the time at which the task was claimed.
  let seen: View = { ...begun, now: begun.now + took };
  for (let tries = 0; tries < maxSteps; tries += 1) {
    const { change, done }: Settlement = settle(seen, outcome, policy);
    const whole = done ? finish(change, acknowledge) : change;
    const settled = await commit(context, seen, whole);
    if (settled) return done ? "done" : settled;
    seen = await look(context, view.id);
    if (seen.sidecar?.lease !== holder) return "done";
  }
  return undefined;
}

function finish(change: Change, acknowledge: string): Change {
  return { ...change, sidecar: { ...change.sidecar, lease: null, leaseUntil: null }, acknowledge };
}
