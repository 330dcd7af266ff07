import { afterEach, expect, test, vi } from "vitest";
import { beginCancellation, settleCancellation } from "../../functions/background/dispatcher/reconcile/settle.ts";
import type { Outcome } from "../../functions/background/dispatcher/scheduler/outcome.ts";
import type { Sidecar, Status } from "../../task-state/index.ts";
import { now, policy, viewOf } from "./view.ts";

afterEach(() => vi.restoreAllMocks());

const unavailable: Outcome = { kind: "not_started", cause: "503", unavailable: true };

function settle(outcome: Outcome, sidecar: Partial<Sidecar> = {}, status: Status = "cancel_requested") {
  const cancelling = { phase: "sent", want: "cancel", attempts: 1, cancelAttempts: 1 } as const;
  return settleCancellation(viewOf({ status }, { ...cancelling, ...sidecar }), outcome, policy);
}

const confirmations: Outcome[] = [{ kind: "accepted" }, { kind: "unknown_task", detail: "Task 7 not found" }];

test("a cancellation is counted before it is sent", () => {
  expect(beginCancellation(viewOf({}, { cancelAttempts: 2, cancelTries: 4, error: "503" }))).toEqual({
    sidecar: { cancelAttempts: 3, cancelTries: 5, dueAt: null },
  });
});

test("what the submission has met is forgotten when the cancellation is sent", () => {
  expect(beginCancellation(viewOf({}, { error: "504" })).sidecar).toMatchObject({ cancelTries: 1, error: null });
});

test.each(confirmations)("confirmed ($kind): the task is cancelled, and re-checked once", (outcome) => {
  expect(settle(outcome)).toEqual({
    change: {
      record: { status: "cancelled", logs: ["Scheduler confirmed cancellation"] },
      sidecar: { confirmedAt: now, error: null, dueAt: now + 5000, wantedAt: null },
      deferCancel: null,
    },
    done: true,
  });
});

test.each(confirmations)("confirmed ($kind): a deleted task is removed", (outcome) => {
  expect(settle(outcome, { want: "delete" }, "running")).toEqual({ change: { remove: "purge" }, done: true });
});

test.each<Outcome>([...confirmations, { kind: "refused", status: 403, detail: "identity mismatch" }, unavailable])(
  "a task that has ended meanwhile keeps its own ending ($kind)",
  (outcome) => {
    for (const status of ["completed", "failed", "cancelled"] as const) {
      expect(settle(outcome, { cancelAttempts: 9 }, status).change).not.toHaveProperty("record");
    }
  },
);

test("refused: it is in the log and in the dead letters, and the task stays as it is", () => {
  const detail = "Task 7 belongs to somebody else";
  expect(settle({ kind: "refused", status: 403, detail })).toEqual({
    change: {
      record: { logs: [`Scheduler refused the cancellation: ${detail}`] },
      sidecar: { dead: "cancel", error: detail },
      deadLetter: { request: "cancel", attempts: 1, error: detail },
    },
    done: true,
  });
});

test.each<[Outcome, counted: number]>([
  [unavailable, 1],
  [{ kind: "not_started", cause: "429", unavailable: false }, 2],
  [{ kind: "unknown_fate", cause: "500" }, 2],
])("unconfirmed (%j): it is sent again later, and counted unless the scheduler is unavailable", (outcome, counted) => {
  vi.spyOn(Math, "random").mockReturnValue(0.999_999);
  const cause = "cause" in outcome ? outcome.cause : "";
  const { change, done } = settle(outcome, { cancelAttempts: 2, cancelTries: 2 });
  const more = counted === 2 ? {} : { cancelAttempts: 1 };
  expect({ change, done }).toEqual({
    change: {
      record: { logs: [`Cancellation attempt 2 failed with ${cause}, next in 1 s`] },
      sidecar: { dueAt: now + 1000, error: cause, ...more },
    },
    done: true,
  });
});

test("what repeats is logged once in five, and nothing is logged of a deleted task's cancellation", () => {
  const logged = (more: Partial<Sidecar>) => settle(unavailable, { cancelTries: 4, ...more }).change.record?.logs ?? [];
  expect([logged({ error: "503" }), logged({ cancelTries: 5, error: "503" })].map(({ length }) => length)).toEqual([
    0, 1,
  ]);
  expect(logged({ want: "delete" })).toEqual([]);
});

test("while the scheduler is unavailable no cancellation becomes a dead letter", () => {
  expect(settle(unavailable, { cancelAttempts: policy.maxAttempts }).change).not.toHaveProperty("deadLetter");
});

test("Retry-After that has passed makes no tight circle", () => {
  expect(settle({ ...unavailable, retryAfterMs: 0 }).change.sidecar).toMatchObject({ dueAt: now + 250 });
});

test("Retry-After wins over the backoff", () => {
  expect(settle({ ...unavailable, retryAfterMs: 90_000 }).change.sidecar).toMatchObject({ dueAt: now + 90_000 });
});

test("after the last attempt the task stays cancel_requested, with a dead letter", () => {
  expect(settle({ kind: "unknown_fate", cause: "500" }, { cancelAttempts: 3 })).toEqual({
    change: {
      record: { logs: ["Cancellation failed after 3 attempts: 500"] },
      sidecar: { dead: "cancel", error: "500" },
      deadLetter: { request: "cancel", attempts: 3, error: "500" },
    },
    done: true,
  });
});
