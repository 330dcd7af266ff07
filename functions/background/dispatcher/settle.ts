import { type Change, hasEnded, type RecordChange, type SidecarPatch, type View } from "../../../task-state/index.ts";
import { messages } from "./messages.ts";
import type { Outcome } from "./outcome.ts";
import { backoff, type Policy } from "./policy.ts";

/** What an outcome changes, and whether the task may be let go of with it. */
export interface Settlement {
  readonly change: Change;
  /** False: look again, there is more to do now. */
  readonly done: boolean;
}

/** The first step of a submission: the record says `dispatching`, the sidecar that attempt n is being sent. */
export function beginSubmission({ record, sidecar, now }: View, policy: Policy): Change {
  const attempts = (sidecar?.attempts ?? 0) + 1;
  const logs = attempts === 1 ? [messages.dispatching] : [];
  return {
    record: { status: "dispatching", logs },
    sidecar: {
      phase: "sending",
      attempts,
      checkAt: now + policy.requestTimeout + policy.grace,
      logCount: (record?.logs?.length ?? 0) + logs.length,
      dueAt: null,
      hold: null,
    },
  };
}

const sendingIsOver: SidecarPatch = { checkAt: null, logCount: null };

/** What the outcome of a submission changes. The record may have been moved on by the scheduler meanwhile. */
export function settleSubmission(view: View, outcome: Outcome, policy: Policy): Settlement {
  const wanted = view.sidecar?.want !== undefined;
  switch (outcome.kind) {
    case "accepted":
      return {
        change: {
          ...acknowledge(view),
          sidecar: { ...sendingIsOver, phase: "sent", error: null },
        },
        done: !wanted,
      };
    case "unknown_fate": {
      const dueAt = view.now + policy.grace;
      return { change: { sidecar: { checkAt: dueAt, dueAt, error: outcome.cause } }, done: true };
    }
    case "refused":
      return {
        change: {
          ...moveFrom(view, "dispatching", { status: "failed", logs: [messages.refused(outcome.detail)] }),
          sidecar: { ...sendingIsOver, phase: "queued", error: outcome.detail },
        },
        done: true,
      };
    case "blocked":
      return backInQueue(view, { hold: outcome.detail, dueAt: view.now + policy.holdPause }, false);
    case "unknown_task":
      return retryLater(view, "404", undefined, true, policy);
    case "not_started":
      return retryLater(view, outcome.cause, outcome.retryAfterMs, !outcome.away, policy);
  }
}

function retryLater(
  view: View,
  cause: string,
  retryAfterMs: number | undefined,
  counted: boolean,
  policy: Policy,
): Settlement {
  const attempt = view.sidecar?.attempts ?? 1;
  const wait = retryAfterMs ?? backoff(policy, attempt);
  const logs = worthTelling(attempt) ? [messages.retry(attempt, cause, Math.ceil(wait / 1000))] : [];
  return backInQueue(view, { error: cause, dueAt: view.now + wait }, counted, logs);
}

/** Repeated attempts are told once in five, so that a long outage does not fill the task's log. */
function worthTelling(attempt: number): boolean {
  return attempt === 1 || attempt % 5 === 0;
}

/** The submission provably started nothing: the task waits again. */
function backInQueue(view: View, patch: SidecarPatch, counted: boolean, logs: string[] = []): Settlement {
  const attempts = (view.sidecar?.attempts ?? 1) - (counted ? 0 : 1);
  return {
    change: {
      ...moveFrom(view, "dispatching", { status: "pending", logs }),
      sidecar: { ...sendingIsOver, ...patch, phase: "queued", attempts },
    },
    done: view.sidecar?.want === undefined,
  };
}

/** Says that the scheduler has taken the task, and `running` where it has not said so itself. */
function acknowledge({ record, sidecar }: View): Pick<Change, "record"> {
  // A cancellation that waits for this moment comes next, and writes its own status.
  if (!record || hasEnded(record) || sidecar?.want !== undefined) return {};
  const logs = [messages.acknowledged];
  return { record: record.status === "dispatching" ? { status: "running", logs } : { logs } };
}

/** A change of the record that is made only if nobody has moved it on from this status. */
function moveFrom(view: View, status: "dispatching", change: RecordChange): Pick<Change, "record"> {
  return view.record?.status === status ? { record: change } : {};
}

/** The cancel attempt is counted before it is sent, so that a crash counts it too. */
export function beginCancellation({ sidecar }: View): Change {
  return { sidecar: { cancelAttempts: (sidecar?.cancelAttempts ?? 0) + 1, dueAt: null } };
}

/** What the outcome of a cancellation changes. An ending that the task has found meanwhile stays. */
export function settleCancellation(view: View, outcome: Outcome, policy: Policy): Settlement {
  const { record, sidecar, now } = view;
  const ended = !record || hasEnded(record);
  switch (outcome.kind) {
    case "accepted":
    case "unknown_task":
      if (sidecar?.want === "delete") return { change: { remove: "purge" }, done: true };
      return {
        change: {
          ...(ended ? {} : { record: { status: "cancelled", logs: [messages.cancelled] } }),
          sidecar: { confirmedAt: now, error: null },
        },
        done: true,
      };
    case "refused":
    case "blocked":
      return {
        change: {
          ...(ended ? {} : { record: { logs: [messages.cancelRefused(outcome.detail)] } }),
          sidecar: { dead: "cancel", error: outcome.detail },
        },
        done: true,
      };
    case "not_started":
    case "unknown_fate": {
      const attempt = sidecar?.cancelAttempts ?? 1;
      if (attempt >= policy.maxAttempts)
        return { change: { sidecar: { dead: "cancel", error: outcome.cause } }, done: true };
      const retryAfter = outcome.kind === "not_started" ? outcome.retryAfterMs : undefined;
      const dueAt = now + (retryAfter ?? backoff(policy, attempt));
      return { change: { sidecar: { dueAt, error: outcome.cause } }, done: true };
    }
  }
}
