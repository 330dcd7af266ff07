import {
  commit,
  look,
  releaseParked,
  releasePermit,
  type SidecarPatch,
  type TaskRecord,
  type View,
} from "../../../task-state/index.ts";
import type { Attendance } from "./attend.ts";
import type { Admission } from "./gate.ts";
import type { Outcome } from "./outcome.ts";
import { isCapped } from "./policy.ts";
import { beginCancellation, beginSubmission, settleCancellation, settleSubmission } from "./settle.ts";
import { awaitTurn, type Turn } from "./turn.ts";

/** The task afterwards; `done` when it was let go of; nothing when it had changed and must be looked at again. */
export type Result = View | "done" | undefined;

export type Request = "submit" | "cancel";

/** The claim under which a request is sent. */
export interface Attempt {
  /** The entry to acknowledge when the task is let go of. */
  readonly entryId: string;
  /** When the claim was asked for, by `performance.now()`. */
  readonly claimedAt: number;
  /** Called when no request will follow any more. */
  readonly leave: () => void;
  /** Settles an accepted submission the short way; gives the task where it is not as it was begun any more. */
  readonly finish?: () => Promise<View | undefined>;
}

/** Gives the lease back. */
export const letGo: SidecarPatch = { lease: null, leaseUntil: null };

/** How often a settlement is decided anew because another writer was faster. */
const maxTries = 50;

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
    if (isTooLate(attendance, attempt)) return "done";
    const change = kind === "submit" ? beginSubmission(view, policy) : beginCancellation(view);
    const begun = await commit(context, view, change);
    // Asked again behind the commit, whose answer may have taken long: what is left is judged like any unknown fate.
    if (isTooLate(attendance, attempt)) return "done";
    if (capped && begun === undefined) await releasePermit(context.primary, view.id, view.sidecar?.user ?? "");
    return begun?.record && (await deliver(attendance, begun, begun.record, kind, attempt, admission));
  } finally {
    admission();
  }
}

/** Sends a submission that the claim has begun. */
export async function submitBegun(
  attendance: Attendance,
  view: View,
  record: TaskRecord,
  attempt: Attempt,
): Promise<Result> {
  if (isTooLate(attendance, attempt)) return "done";
  return deliver(attendance, view, record, "submit", attempt, attendance.gate.enterBegun());
}

/** True when a process has slept, or waited for Redis, for so long that another one may have taken the task over. */
function isTooLate({ policy }: Attendance, { claimedAt }: Attempt): boolean {
  return performance.now() - claimedAt > policy.lease / 2;
}

/** Sends what record and sidecar say is being sent, and settles it. */
async function deliver(
  attendance: Attendance,
  begun: View,
  record: TaskRecord,
  kind: Request,
  attempt: Attempt,
  admission: Admission,
): Promise<Result> {
  const outcome = await send(attendance, kind, record, begun.sidecar?.trace);
  admission(outcome);
  // Waits count from the answer, not from the time at which the task was claimed.
  const answered = { ...begun, now: begun.now + Math.round(performance.now() - attempt.claimedAt) };
  return settle(attendance, answered, kind, attempt, outcome);
}

async function send(
  { client, log, hurry }: Attendance,
  kind: Request,
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
async function settle(
  { context, holder, policy }: Attendance,
  begun: View,
  kind: Request,
  { entryId, leave, finish }: Attempt,
  outcome: Outcome,
): Promise<Result> {
  const capped = kind === "submit" && isCapped(policy);
  const decide = kind === "submit" ? settleSubmission : settleCancellation;
  let seen = begun;
  if (finish && outcome.kind === "accepted") {
    leave();
    const left = await finish();
    if (!left) return "done";
    const ours = ownedBy(left, holder);
    if (ours !== left) return ours;
    seen = left;
  }
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { change, done } = decide(seen, outcome, policy);
    if (done) leave();
    const permitted = capped ? { ...change, releasePermit: true } : change;
    const last = done ? { sidecar: { ...change.sidecar, ...letGo }, acknowledge: entryId } : {};
    const settled = await commit(context, seen, { ...permitted, ...last });
    if (settled && capped) await releaseParked(context.primary, begun.record?.user_id ?? "", 1);
    if (settled) return done ? "done" : settled;
    seen = await look(context, seen.id);
    const ours = ownedBy(seen, holder);
    if (ours !== seen) return ours;
  }
  return undefined;
}

/** The task, if we are still at work on it; `done` when somebody else has taken it over, nothing when it is gone. */
function ownedBy(view: View, holder: string): Result {
  if (!view.sidecar) return undefined;
  return view.sidecar.lease === holder ? view : "done";
}
