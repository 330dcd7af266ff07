import {
  type Change,
  cancellationRequested,
  type Hold,
  hasJobs,
  holdText,
  isOver,
  isUnsent,
  type RecordChange,
  type Sidecar,
  type SidecarPatch,
  type TaskRecord,
  type View,
} from "../../../../task-state/index.ts";
import type { Policy } from "../limits/policy.ts";
import { countForeignLogs, messages } from "./messages.ts";
import { acknowledge, recheckLater } from "./settle.ts";

/** The next step of a task's reconciliation. */
export type Step =
  /** Release the lease: there is nothing to do, or not before `until` (ms of Redis time), or not during the hold. */
  | { readonly kind: "release"; readonly until?: number; readonly hold?: string }
  /** Change the task, then decide again. */
  | { readonly kind: "write"; readonly change: Change }
  /** The task cannot be read: quarantine it until it can. */
  | { readonly kind: "quarantine"; readonly reason: string }
  /** Remove the task. */
  | { readonly kind: "purge" }
  | { readonly kind: "submit"; readonly record: TaskRecord; readonly sidecar: Sidecar }
  | { readonly kind: "cancel"; readonly record: TaskRecord; readonly sidecar: Sidecar };

const release: Step = { kind: "release" };

/** Decides the next step of a task. A pure function of its arguments. */
export function nextStep(view: View, policy: Policy, hold?: Hold): Step {
  const { record, sidecar, raw, now, unreadable } = view;
  if (unreadable !== undefined) return { kind: "quarantine", reason: unreadable };
  if (!sidecar) return release;
  if (raw === null) return { kind: "purge" };
  if (!record) return release;
  if (sidecar.want === "delete" && (isOver(view) || isUnsent(record, sidecar))) return { kind: "purge" };
  if (isOver(view)) return recheckAfterEnd(sidecar, now, policy);
  if (sidecar.phase === "sending") return checkFate(record, sidecar, view);
  if (sidecar.phase === "queued" && hasMovedOn(record, sidecar)) {
    return sidecar.doubtful === undefined
      ? { kind: "write", change: { sidecar: { phase: "foreign" } } }
      : markSent(record);
  }
  if (sidecar.want !== undefined) return stop(record, sidecar, now);
  // The acceptance was stored while the record could not be read.
  if (sidecar.phase === "sent" && record.status === "dispatching") return { kind: "write", change: acknowledge(view) };
  if (sidecar.phase !== "queued") return release;
  if (isTooOld(record, sidecar, now, policy))
    return deadLetterSubmission(sidecar, messages.tooOld(policy.maxAge / 1000));
  if (hold !== undefined) return { kind: "release", hold: holdText(hold, sidecar.user) };
  if (sidecar.dueAt !== undefined && sidecar.dueAt > now) return { kind: "release", until: sidecar.dueAt };
  if (sidecar.attempts >= policy.maxAttempts) {
    return deadLetterSubmission(sidecar, messages.submissionFailed(sidecar.attempts, sidecar.error ?? "unknown"));
  }
  return { kind: "submit", record, sidecar };
}

/** Re-checks a cancelled task once after its end: a writer with an older copy of the record may put that back. */
function recheckAfterEnd({ want, confirmedAt }: Sidecar, now: number, policy: Policy): Step {
  if (want !== "cancel" || confirmedAt !== undefined) return release;
  return { kind: "write", change: { sidecar: recheckLater(now, policy), deferCancel: null } };
}

/** True when the scheduler or another program moved on a queued task. */
function hasMovedOn(record: TaskRecord, { doubtful, foreignLogs, tries }: Sidecar): boolean {
  if (record.status === "dispatching" && tries === undefined) return true;
  // Log entries of others prove nothing unless a submission ended without a clear answer.
  return showsScheduler(record, doubtful === undefined ? undefined : foreignLogs);
}

/** Checks a submission that its dispatcher's death interrupted, or that ended without a clear answer. */
function checkFate(record: TaskRecord, sidecar: Sidecar, { now, watched }: View): Step {
  const { checkAt = watched, want } = sidecar;
  if (checkAt > watched) return { kind: "release", until: now + checkAt - watched };
  if (showsScheduler(record, sidecar.foreignLogs)) return markSent(record);
  // The scheduler may still accept the submission, so a wanted cancellation goes through the scheduler.
  const phase = want === undefined ? "queued" : "sent";
  return { kind: "write", change: { sidecar: { checkAt: null, dueAt: null, phase, doubtful: 1 } } };
}

/** Records that the scheduler has the task, although it did not answer so. */
function markSent(record: TaskRecord): Step {
  const change: RecordChange = record.status === "dispatching" ? { status: "running", logs: [messages.evident] } : {};
  const over: SidecarPatch = { checkAt: null, foreignLogs: null, dueAt: null };
  return { kind: "write", change: { record: change, sidecar: { ...over, phase: "sent" } } };
}

/** True when the record shows something that only the scheduler writes, including more than `foreignLogs` foreign log entries. */
function showsScheduler(record: TaskRecord, foreignLogs = Number.POSITIVE_INFINITY): boolean {
  if (record.status !== "pending" && record.status !== "dispatching") return true;
  if (hasJobs(record)) return true;
  if (Object.values(record.result ?? {}).some((value) => value !== null)) return true;
  return countForeignLogs(record) > foreignLogs;
}

function stop(record: TaskRecord, sidecar: Sidecar, now: number): Step {
  if (sidecar.want === "cancel" && isUnsent(record, sidecar)) {
    const change: RecordChange = {
      status: "cancelled",
      datedLogs: requestEntry(sidecar),
      logs: [messages.cancelledUnsent],
    };
    return { kind: "write", change: { record: change, sidecar: { wantedAt: null }, deferCancel: null } };
  }
  if (sidecar.dead) return release;
  if (sidecar.confirmedAt !== undefined) {
    // A writer without compare-and-set undid the confirmed end: the scheduler gets the cancellation again.
    return { kind: "write", change: { sidecar: { confirmedAt: null, dueAt: null } } };
  }
  if (sidecar.dueAt !== undefined && sidecar.dueAt > now) return { kind: "release", until: sidecar.dueAt };
  if (sidecar.want === "cancel" && record.status !== "cancel_requested") {
    // The submission ended, so the scheduler cannot revive the task any more: now the record may show the request.
    const change: RecordChange = { status: "cancel_requested", datedLogs: requestEntry(sidecar) };
    return { kind: "write", change: { record: change, sidecar: { wantLogged: 1 } } };
  }
  return { kind: "cancel", record, sidecar };
}

/** The log entry of a cancellation that could not be written when it was requested. */
function requestEntry({ wantedAt, wantLogged }: Sidecar): string[] {
  return wantedAt === undefined || wantLogged !== undefined ? [] : [`${wantedAt},${cancellationRequested}`];
}

function isTooOld({ created_at }: TaskRecord, sidecar: Sidecar, now: number, { maxAge }: Policy): boolean {
  // created_at comes from the submitter's clock, which may be wrong.
  const { since = Date.parse(created_at), renewedAt = 0 } = sidecar;
  return maxAge > 0 && now - Math.max(since, renewedAt) > maxAge;
}

function deadLetterSubmission(sidecar: Sidecar, message: string): Step {
  return {
    kind: "write",
    change: {
      record: { status: "failed", logs: [message] },
      sidecar: { dead: "submit", dueAt: null, hold: null },
      deadLetter: { request: "submit", attempts: sidecar.attempts, error: sidecar.error ?? message },
    },
  };
}
