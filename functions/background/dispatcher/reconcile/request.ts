import { commit, releasePermit, type TaskRecord, type View } from "../../../../task-state/index.ts";
import type { Admission } from "../limits/circuit-breaker.ts";
import { isCapped } from "../limits/policy.ts";
import { awaitTurn, type Turn } from "../limits/user-permit.ts";
import type { Outcome } from "../scheduler/outcome.ts";
import type { Attempt, Attendance } from "./reconciliation.ts";
import { beginCancellation, beginSubmission } from "./settle.ts";
import { letGo, type Request, type Result, storeOutcome } from "./store-outcome.ts";

/** Sends one request to the scheduler between two commits, when gate, limits and time allow it. */
export async function request(attendance: Attendance, view: View, kind: Request, attempt: Attempt): Promise<Result> {
  const { context, gate, policy, stopping } = attendance;
  const acknowledge = attempt.entryId;
  const handBack = async () =>
    (await commit(context, view, { sidecar: letGo, enqueue: true, acknowledge })) && ("done" as const);
  const admission = stopping.aborted ? undefined : gate.enter();
  if (!admission) return handBack();
  try {
    const capped = kind === "submit" && isCapped(policy);
    const turn: Turn = capped ? await awaitTurn(context, view, policy, stopping) : { kind: "granted" };
    if (turn.kind === "too_long") return await handBack();
    if (turn.kind === "held") {
      return (await commit(context, view, { sidecar: { ...letGo, hold: turn.hold }, acknowledge })) && "done";
    }
    const giveBack = async () => {
      if (capped) await releasePermit(context.primary, view.id, view.sidecar?.user ?? "");
    };
    if (isTooLate(attendance, attempt)) {
      await giveBack();
      return await handBack();
    }
    const begun = await commit(
      context,
      view,
      kind === "submit" ? beginSubmission(view, policy) : beginCancellation(view),
    );
    if (begun === undefined) await giveBack();
    return begun?.record && (await deliver(attendance, begun, begun.record, kind, attempt, admission));
  } finally {
    admission();
  }
}

/** Sends a submission that the claim has begun. */
export function submitBegun(attendance: Attendance, view: View, record: TaskRecord, attempt: Attempt): Promise<Result> {
  return deliver(attendance, view, record, "submit", attempt, attendance.gate.enterBegun());
}

/** True when a process has slept, or waited for Redis, for so long that another one may have taken the task over. */
function isTooLate({ policy, hurry }: Attendance, { claimedAt }: Attempt): boolean {
  return hurry.aborted || performance.now() - claimedAt > policy.lease / 2;
}

/** What is known of a request that was begun and then not sent. */
const notSent: Outcome = { kind: "not_started", cause: "a delay of the dispatcher", away: true };

/** Sends what record and sidecar say is being sent, and stores what has become of it. */
async function deliver(
  attendance: Attendance,
  begun: View,
  record: TaskRecord,
  kind: Request,
  attempt: Attempt,
  admission: Admission,
): Promise<Result> {
  let outcome = notSent;
  // Asked behind the commit, whose answer may have taken long.
  if (isTooLate(attendance, attempt)) admission();
  else {
    outcome = await send(attendance, kind, record, begun);
    admission(outcome);
  }
  // Waits count from the answer, not from the time at which the task was claimed.
  const passed = Math.round(performance.now() - attempt.claimedAt);
  const answered = { ...begun, now: begun.now + passed, watched: begun.watched + passed };
  return storeOutcome(attendance, { ...attempt, begun: answered, kind, outcome });
}

async function send(
  { client, log, hurry }: Attendance,
  kind: Request,
  record: TaskRecord,
  begun: View,
): Promise<Outcome> {
  const sentAt = performance.now();
  const { trace, generation = 0 } = begun.sidecar ?? {};
  const outcome = await client[kind](record, hurry, { trace, generation });
  const ms = Math.round(performance.now() - sentAt);
  const accepted = outcome.kind === "accepted";
  if (!accepted) log.warn({ task: record.task_id, request: kind, outcome, ms }, "scheduler has not accepted");
  else if (log.isLevelEnabled("debug"))
    log.debug({ task: record.task_id, request: kind, ms }, "scheduler has accepted");
  return outcome;
}
