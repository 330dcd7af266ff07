import {
  type Change,
  hasEnded,
  type RecordChange,
  type SidecarPatch,
  type View,
} from "../../../../task-state/index.ts";
import { backoff, type Policy } from "../limits/policy.ts";
import type { Outcome } from "../scheduler/outcome.ts";
import { countForeignLogs, messages } from "./messages.ts";

/** What an outcome changes, and whether the task's lease is released with it. */
export interface Settlement {
  readonly change: Change;
  /** False: the reconciliation continues with the next step. */
  readonly done: boolean;
}

/** The first step of a submission: the record becomes `dispatching`, and the sidecar counts the attempt. */
export function beginSubmission({ record, sidecar, watched }: View, policy: Policy): Change {
  const attempts = (sidecar?.attempts ?? 0) + 1;
  const logs = sidecar?.tries === undefined ? [messages.dispatching] : [];
  return {
    record: { status: "dispatching", logs },
    sidecar: {
      phase: "sending",
      attempts,
      tries: (sidecar?.tries ?? 0) + 1,
      // The request goes out within half a lease, and arrives within its timeout.
      checkAt: watched + policy.lease / 2 + policy.requestTimeout + policy.grace,
      foreignLogs: record ? countForeignLogs(record) : 0,
      ...(sidecar?.dueAt === undefined ? {} : { dueAt: null }),
      ...(sidecar?.hold === undefined ? {} : { hold: null }),
    },
  };
}

const sendingEnded: SidecarPatch = { checkAt: null };

/**
 * What the outcome of a submission changes. If the scheduler moved the record on meanwhile, or if the record became unreadable,
 * the outcome is stored all the same and the reconciliation continues.
 */
export function settleSubmission(view: View, outcome: Outcome, policy: Policy): Settlement {
  const { change, done } = submissionSettled(view, outcome, policy);
  return { change, done: done && view.unreadable === undefined };
}

function submissionSettled(view: View, outcome: Outcome, policy: Policy): Settlement {
  const wanted = view.sidecar?.want !== undefined;
  switch (outcome.kind) {
    case "accepted":
      return {
        change: {
          ...acknowledge(view),
          sidecar: {
            ...sendingEnded,
            foreignLogs: null,
            phase: "sent",
            ...(view.sidecar?.error === undefined ? {} : { error: null }),
          },
        },
        done: !wanted,
      };
    case "unknown_fate": {
      const [checkAt, dueAt] = [view.watched + policy.grace, view.now + policy.grace];
      const tries = view.sidecar?.tries ?? 1;
      const logged = isWorthLogging(tries, outcome.cause, view.sidecar?.error);
      const text = messages.checked(tries, outcome.cause, policy.grace);
      return {
        change: {
          ...(logged ? moveFrom(view, "dispatching", { logs: [text] }) : {}),
          sidecar: { checkAt, dueAt, error: outcome.cause },
        },
        done: true,
      };
    }
    case "refused":
      return {
        change: {
          ...moveFrom(view, "dispatching", { status: "failed", logs: [messages.refused(outcome.detail)] }),
          sidecar: { ...sendingEnded, phase: "queued", error: outcome.detail },
        },
        done: !wanted,
      };
    case "blocked":
      return backInQueue(view, { hold: outcome.detail }, false);
    case "unknown_task":
      return retryLater(view, "404", undefined, true, policy);
    case "not_started":
      return retryLater(view, outcome.cause, outcome.retryAfterMs, !outcome.unavailable, policy);
  }
}

function retryLater(
  view: View,
  cause: string,
  retryAfterMs: number | undefined,
  counted: boolean,
  policy: Policy,
): Settlement {
  const tries = view.sidecar?.tries ?? 1;
  const wait = waitBefore(policy, tries, retryAfterMs);
  const logs = isWorthLogging(tries, cause, view.sidecar?.error) ? [messages.retry(tries, cause, wait)] : [];
  return backInQueue(view, { error: cause, dueAt: view.now + wait }, counted, logs);
}

/** The wait after an attempt, in ms: the scheduler's `Retry-After` if given, but never short enough for a tight loop. */
function waitBefore(policy: Policy, tries: number, retryAfterMs: number | undefined): number {
  return Math.max(retryAfterMs ?? backoff(policy, tries), policy.minBackoff / 2);
}

/** A recurring cause is logged once in five attempts, so that a long outage does not fill the task's log. */
function isWorthLogging(tries: number, cause: string, lastCause: string | undefined): boolean {
  return (cause !== lastCause && tries <= 5) || tries % 5 === 0;
}

/** The submission provably started nothing: the task waits again, or the next step ends it if its owner wants that. */
function backInQueue(view: View, waiting: SidecarPatch, counted: boolean, logs: string[] = []): Settlement {
  const attempts = (view.sidecar?.attempts ?? 1) - (counted ? 0 : 1);
  const wanted = view.sidecar?.want !== undefined;
  return {
    change: {
      ...moveFrom(view, "dispatching", { status: "pending", logs }),
      sidecar: { ...sendingEnded, ...(wanted ? {} : waiting), phase: "queued", attempts },
      probe: waiting.hold !== undefined,
    },
    done: !wanted,
  };
}

/** Logs that the scheduler accepted the task, and sets `running` if the scheduler has not. */
export function acknowledge({ record, sidecar }: View): Pick<Change, "record"> {
  // A deferred cancellation is the next step, and writes its own status.
  if (!record || hasEnded(record) || sidecar?.want !== undefined) return {};
  const logs = [messages.acknowledged];
  return { record: record.status === "dispatching" ? { status: "running", logs } : { logs } };
}

/** A change of the record, unless another writer moved it on from this status. */
function moveFrom(view: View, status: "dispatching", change: RecordChange): Pick<Change, "record"> {
  return view.record?.status === status ? { record: change } : {};
}

/** Counts the cancel attempt before it is sent, so that a crash counts it too. */
export function beginCancellation({ sidecar }: View): Change {
  const { cancelAttempts = 0, cancelTries = cancelAttempts, error } = sidecar ?? {};
  // The last error of the submission is not one of the cancellation.
  const afresh = cancelTries === 0 && error !== undefined ? { error: null } : {};
  return { sidecar: { cancelAttempts: cancelAttempts + 1, cancelTries: cancelTries + 1, dueAt: null, ...afresh } };
}

/** Confirms the cancellation and schedules one re-check: a writer with an older copy of the record may put that back. */
export function recheckLater(now: number, { grace }: Policy): SidecarPatch {
  return { confirmedAt: now, dueAt: now + Math.max(grace, 1000), wantedAt: null };
}

/** What the outcome of a cancellation changes. A task that ended meanwhile keeps its status. */
export function settleCancellation(view: View, outcome: Outcome, policy: Policy): Settlement {
  const { change, done } = cancellationSettled(view, outcome, policy);
  return { change, done: done && (view.unreadable === undefined || change.remove === "purge") };
}

function cancellationSettled(view: View, outcome: Outcome, policy: Policy): Settlement {
  const { record, sidecar, now } = view;
  const ended = !record || hasEnded(record);
  switch (outcome.kind) {
    case "accepted":
    case "unknown_task":
      if (sidecar?.want === "delete") return { change: { remove: "purge" }, done: true };
      return {
        change: {
          ...(ended ? {} : { record: { status: "cancelled", logs: [messages.cancelled] } }),
          sidecar: { ...recheckLater(now, policy), error: null },
          deferCancel: null,
        },
        done: true,
      };
    case "refused":
    case "blocked":
      return {
        change: {
          ...(ended ? {} : { record: { logs: [messages.cancelRefused(outcome.detail)] } }),
          sidecar: { dead: "cancel", error: outcome.detail },
          deadLetter: { request: "cancel", attempts: sidecar?.cancelAttempts ?? 1, error: outcome.detail },
        },
        done: true,
      };
    case "not_started":
      return cancelLater(view, outcome.cause, outcome.retryAfterMs, !outcome.unavailable, policy);
    case "unknown_fate":
      return cancelLater(view, outcome.cause, undefined, true, policy);
  }
}

function cancelLater(
  view: View,
  cause: string,
  retryAfterMs: number | undefined,
  counted: boolean,
  policy: Policy,
): Settlement {
  const { cancelAttempts = 1, cancelTries = cancelAttempts, error, want } = view.sidecar ?? {};
  if (counted && cancelAttempts >= policy.maxAttempts) return deadLetterCancellation(view, cancelAttempts, cause);
  const wait = waitBefore(policy, cancelTries, retryAfterMs);
  const logged =
    want === "cancel" && view.record && !hasEnded(view.record) && isWorthLogging(cancelTries, cause, error);
  return {
    change: {
      ...(logged ? { record: { logs: [messages.cancelRetry(cancelTries, cause, wait)] } } : {}),
      sidecar: { dueAt: view.now + wait, error: cause, ...(counted ? {} : { cancelAttempts: cancelAttempts - 1 }) },
    },
    done: true,
  };
}

function deadLetterCancellation({ record }: View, attempts: number, error: string): Settlement {
  const logs = [messages.cancelFailed(attempts, error)];
  return {
    change: {
      ...(record && !hasEnded(record) ? { record: { logs } } : {}),
      sidecar: { dead: "cancel", error },
      deadLetter: { request: "cancel", attempts, error },
    },
    done: true,
  };
}
