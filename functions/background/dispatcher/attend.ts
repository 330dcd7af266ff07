import type { Logger } from "../../../shared/logger.ts";
import {
  acknowledge,
  type Change,
  type Claim,
  commit,
  look,
  releaseParked,
  releasePermit,
  type TaskRecord,
  type TaskStateContext,
  type View,
} from "../../../task-state/index.ts";
import type { Gate } from "./gate.ts";
import { nextStep, type Step } from "./next-step.ts";
import type { Outcome } from "./outcome.ts";
import { isCapped, type Policy } from "./policy.ts";
import type { SchedulerClient } from "./scheduler-client.ts";
import { beginCancellation, beginSubmission, settleCancellation, settleSubmission } from "./settle.ts";
import { awaitTurn, type Turn } from "./turn.ts";

/** What attending to a task stands on. */
export interface Attendance {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
  readonly gate: Gate;
  /** Whose leases are ours. */
  readonly holder: string;
  /** Aborted: start no request any more, hand back what is not begun. */
  readonly stopping: AbortSignal;
  /** Aborted: give up requests that are under way. */
  readonly hurry: AbortSignal;
}

/** More steps than a task ever takes at once; a wrong decision must not run in a circle. */
const maxSteps = 50;
const letGo = { lease: null, leaseUntil: null };

/**
 * Does for a claimed task what there is to do, one step at a time, until it can be let go of. Every step is committed
 * against the task as it was seen; where somebody else was faster, the task is looked at and decided on anew.
 */
export async function attend(attendance: Attendance, { entry, view: claimed, hold }: Claim): Promise<void> {
  const { context, holder, log, policy } = attendance;
  const attempt = { acknowledge: entry.entryId, claimedAt: performance.now() };
  let view = claimed;
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const step = nextStep(view, policy, hold);
    const result =
      step.kind === "submit" || step.kind === "cancel"
        ? await request(attendance, view, { ...attempt, kind: step.kind })
        : await write(context, view, step, entry.entryId);
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

/** The task afterwards; `done` when it was let go of; nothing when it had changed and must be looked at again. */
type Result = View | "done" | undefined;

async function write(
  context: TaskStateContext,
  view: View,
  step: Exclude<Step, { kind: "submit" | "cancel" }>,
  entryId: string,
): Promise<Result> {
  const written = await commit(context, view, changeOf(view, step, entryId));
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

/** Sends one request to the scheduler between two commits, when gate, limits and time allow it. */
async function request(attendance: Attendance, view: View, attempt: Attempt): Promise<Result> {
  const { context, gate, policy, stopping } = attendance;
  const { kind, acknowledge } = attempt;
  const handBack = async () =>
    (await commit(context, view, { sidecar: letGo, enqueue: true, acknowledge })) && ("done" as const);
  const admission = stopping.aborted ? undefined : gate.enter();
  if (!admission) return handBack();
  let outcome: Outcome | undefined;
  try {
    const capped = kind === "submit" && isCapped(policy);
    const turn: Turn = capped ? await awaitTurn(context, view, policy, stopping) : { kind: "granted" };
    if (turn.kind === "too_long") return await handBack();
    if (turn.kind === "held") {
      return (await commit(context, view, { sidecar: { ...letGo, hold: turn.hold }, acknowledge })) && "done";
    }
    if (isTooLate(attendance, attempt)) return "done";
    const begun = await begin(attendance, view, attempt);
    // Asked again behind the commit, whose answer may have taken long: what is left is judged like any unknown fate.
    if (isTooLate(attendance, attempt)) return "done";
    if (capped && begun === undefined) await releasePermit(context.primary, view.id, view.sidecar?.user ?? "");
    if (!begun?.record) return undefined;
    outcome = await send(attendance, kind, begun.record, begun.sidecar?.trace);
    // Waits count from the answer, not from the time at which the task was claimed.
    const answered = { ...begun, now: begun.now + Math.round(performance.now() - attempt.claimedAt) };
    return await settle(attendance, answered, attempt, outcome);
  } finally {
    admission(outcome);
  }
}

/** Writes that the request is being sent; nothing when the task has changed. */
function begin({ context, policy }: Attendance, view: View, { kind }: Attempt): Promise<View | undefined> {
  return commit(context, view, kind === "submit" ? beginSubmission(view, policy) : beginCancellation(view));
}

/** True when a process has slept, or waited for Redis, for so long that another one may have taken the task over. */
function isTooLate({ policy }: Attendance, { claimedAt }: Attempt): boolean {
  return performance.now() - claimedAt > policy.lease / 2;
}

interface Attempt {
  readonly kind: "submit" | "cancel";
  /** The entry to acknowledge when the task is let go of. */
  readonly acknowledge: string;
  /** By `performance.now()`. */
  readonly claimedAt: number;
}

async function send(
  { client, log, hurry }: Attendance,
  kind: Attempt["kind"],
  record: TaskRecord,
  trace: string | undefined,
): Promise<Outcome> {
  const sentAt = performance.now();
  const outcome = await client[kind](record, hurry, trace);
  const ms = Math.round(performance.now() - sentAt);
  const accepted = outcome.kind === "accepted";
  if (!accepted) log.warn({ task: record.task_id, request: kind, outcome, ms }, "scheduler has not accepted");
  else if (log.isLevelEnabled("debug"))
    log.debug({ task: record.task_id, request: kind, ms }, "scheduler has accepted");
  return outcome;
}

/** Writes what an outcome changes, against the task as it is by now. */
async function settle(attendance: Attendance, begun: View, attempt: Attempt, outcome: Outcome): Promise<Result> {
  const { context, holder, policy } = attendance;
  const { kind, acknowledge } = attempt;
  const capped = kind === "submit" && isCapped(policy);
  const decide = kind === "submit" ? settleSubmission : settleCancellation;
  let seen = begun;
  for (let tries = 0; tries < maxSteps; tries += 1) {
    const { change, done } = decide(seen, outcome, policy);
    const permitted = capped ? { ...change, releasePermit: true } : change;
    const whole = done ? { ...permitted, sidecar: { ...change.sidecar, ...letGo }, acknowledge } : permitted;
    const settled = await commit(context, seen, whole);
    if (settled && capped) await releaseParked(context.primary, begun.record?.user_id ?? "", 1);
    if (settled) return done ? "done" : settled;
    seen = await look(context, seen.id);
    if (!seen.sidecar) return undefined;
    if (seen.sidecar.lease !== holder) return "done";
  }
  return undefined;
}
