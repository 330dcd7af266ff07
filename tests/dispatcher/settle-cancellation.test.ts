import { afterEach, expect, test, vi } from "vitest";
import type { Outcome } from "../../functions/background/dispatcher/outcome.ts";
import { beginCancellation, settleCancellation } from "../../functions/background/dispatcher/settle.ts";
import type { Sidecar, Status } from "../../task-state/index.ts";
import { now, policy, viewOf } from "./view.ts";

afterEach(() => vi.restoreAllMocks());

const unavailable: Outcome = { kind: "not_started", cause: "503", away: true };

function settle(outcome: Outcome, sidecar: Partial<Sidecar> = {}, status: Status = "cancel_requested") {
  const cancelling = { phase: "sent", want: "cancel", attempts: 1, cancelAttempts: 1 } as const;
  return settleCancellation(viewOf({ status }, { ...cancelling, ...sidecar }), outcome, policy);
}

const confirmations: Outcome[] = [{ kind: "accepted" }, { kind: "unknown_task", detail: "Task 7 not found" }];

test("a cancellation is counted before it is sent", () => {
  expect(beginCancellation(viewOf({}, { cancelAttempts: 2 }))).toEqual({ sidecar: { cancelAttempts: 3, dueAt: null } });
});

test.each(confirmations)("confirmed ($kind): the task is cancelled, and looked at once more", (outcome) => {
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

test("refused: it stands in the log and in the dead letters, and the task stays as it is", () => {
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

test.each<Outcome>([unavailable, { kind: "unknown_fate", cause: "500" }])(
  "unconfirmed ($kind): it is sent again later",
  (outcome) => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const { change, done } = settle(outcome, { cancelAttempts: 2 });
    expect({ change, done }).toEqual({
      change: { sidecar: { dueAt: now + 1000, error: "cause" in outcome ? outcome.cause : "" } },
      done: true,
    });
  },
);

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
