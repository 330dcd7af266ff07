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
import { lastLook } from "./settle.ts";

/** The one thing to do next for a task. */
export type Step =
  /** Let go of the task; nothing is to be done, or not before `until` (ms of Redis time), or not while it is held. */
  | { readonly kind: "rest"; readonly until?: number; readonly hold?: string }
  /** Change it, then look again. */
  | { readonly kind: "write"; readonly change: Change }
  /** It cannot be read: leave it alone until it can. */
  | { readonly kind: "set_aside"; readonly reason: string }
  /** Remove all of it. */
  | { readonly kind: "purge" }
  | { readonly kind: "submit"; readonly record: TaskRecord; readonly sidecar: Sidecar }
  | { readonly kind: "cancel"; readonly record: TaskRecord; readonly sidecar: Sidecar };

const rest: Step = { kind: "rest" };

/** Decides what a task needs. Looks at nothing but its arguments, and is right however often it is asked. */
export function nextStep(view: View, policy: Policy, hold?: Hold): Step {
  const { record, sidecar, raw, now, unreadable } = view;
  if (unreadable !== undefined) return { kind: "set_aside", reason: unreadable };
  if (!sidecar) return rest;
  if (raw === null) return { kind: "purge" };
  if (!record) return rest;
  if (sidecar.want === "delete" && (isOver(view) || isUnsent(record, sidecar))) return { kind: "purge" };
  if (isOver(view)) return seeOff(sidecar, now, policy);
  if (sidecar.phase === "sending") return judgeFate(record, sidecar, view);
  if (sidecar.phase === "queued" && isTaken(record, sidecar)) {
    return sidecar.doubtful === undefined
      ? { kind: "write", change: { sidecar: { phase: "foreign" } } }
      : taken(record);
  }
  if (sidecar.want !== undefined) return stop(record, sidecar, now);
  if (sidecar.phase !== "queued") return rest;
  if (isTooOld(record, sidecar, now, policy)) return giveUp(sidecar, messages.tooOld(policy.maxAge / 1000));
  if (hold !== undefined) return { kind: "rest", hold: holdText(hold, sidecar.user) };
  if (sidecar.dueAt !== undefined && sidecar.dueAt > now) return { kind: "rest", until: sidecar.dueAt };
  if (sidecar.attempts >= policy.maxAttempts) {
    return giveUp(sidecar, messages.submissionFailed(sidecar.attempts, sidecar.error ?? "unknown"));
  }
  return { kind: "submit", record, sidecar };
}

/** A cancelled task is looked at once more after its end: a writer that had read the record before may put it back. */
function seeOff({ want, confirmedAt }: Sidecar, now: number, policy: Policy): Step {
  if (want !== "cancel" || confirmedAt !== undefined) return rest;
  return { kind: "write", change: { sidecar: lastLook(now, policy), deferCancel: null } };
}

/** True when somebody else has moved on a task that waits for us, be it that the scheduler has taken it after all. */
function isTaken(record: TaskRecord, { doubtful, foreignLogs, tries }: Sidecar): boolean {
  if (record.status === "dispatching" && tries === undefined) return true;
  // As long as nothing is doubtful, others may write into the log what they like.
  return showsScheduler(record, doubtful === undefined ? undefined : foreignLogs);
}

/** A submission was under way when its dispatcher died, or ended without a clear answer. */
function judgeFate(record: TaskRecord, sidecar: Sidecar, { now, watched }: View): Step {
  const { checkAt = watched, want } = sidecar;
  if (checkAt > watched) return { kind: "rest", until: now + checkAt - watched };
  if (showsScheduler(record, sidecar.foreignLogs)) return taken(record);
  // Without a sign the scheduler may still be about to take it, so whoever wants it gone asks the scheduler.
  const phase = want === undefined ? "queued" : "sent";
  return { kind: "write", change: { sidecar: { checkAt: null, dueAt: null, phase, doubtful: 1 } } };
}

/** The scheduler has the task, though it has not said so. */
function taken(record: TaskRecord): Step {
  const change: RecordChange = record.status === "dispatching" ? { status: "running", logs: [messages.evident] } : {};
  const over: SidecarPatch = { checkAt: null, foreignLogs: null, dueAt: null };
  return { kind: "write", change: { record: change, sidecar: { ...over, phase: "sent" } } };
}

/** True when the record holds anything that only the scheduler can have written, log entries beyond so many included. */
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
  if (sidecar.dead) return rest;
  if (sidecar.confirmedAt !== undefined) {
    // A writer without compare-and-set has put the task back behind its confirmed end: the scheduler is asked once more.
    return { kind: "write", change: { sidecar: { confirmedAt: null, dueAt: null } } };
  }
  if (sidecar.dueAt !== undefined && sidecar.dueAt > now) return { kind: "rest", until: sidecar.dueAt };
  if (sidecar.want === "cancel" && record.status !== "cancel_requested") {
    // The submission has ended, so the scheduler cannot revive the task any more: now the record may say it.
    const change: RecordChange = { status: "cancel_requested", datedLogs: requestEntry(sidecar) };
    return { kind: "write", change: { record: change, sidecar: { wantLogged: 1 } } };
  }
  return { kind: "cancel", record, sidecar };
}

/** The log entry of a cancellation that could not be written when it was asked for. */
function requestEntry({ wantedAt, wantLogged }: Sidecar): string[] {
  return wantedAt === undefined || wantLogged !== undefined ? [] : [`${wantedAt},${cancellationRequested}`];
}

function isTooOld({ created_at }: TaskRecord, sidecar: Sidecar, now: number, { maxAge }: Policy): boolean {
  // The record tells the time of whoever submitted it, whose clock may have been wrong.
  const { since = Date.parse(created_at), renewedAt = 0 } = sidecar;
  return maxAge > 0 && now - Math.max(since, renewedAt) > maxAge;
}

function giveUp(sidecar: Sidecar, message: string): Step {
  return {
    kind: "write",
    change: {
      record: { status: "failed", logs: [message] },
      sidecar: { dead: "submit", dueAt: null, hold: null },
      deadLetter: { request: "submit", attempts: sidecar.attempts, error: sidecar.error ?? message },
    },
  };
}
