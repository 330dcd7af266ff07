import { afterEach, expect, test, vi } from "vitest";
import { messages } from "../../functions/background/dispatcher/reconcile/messages.ts";
import { beginSubmission, settleSubmission } from "../../functions/background/dispatcher/reconcile/settle.ts";
import type { Outcome } from "../../functions/background/dispatcher/scheduler/outcome.ts";
import type { Sidecar, TaskRecord } from "../../task-state/index.ts";
import { now, policy, viewOf } from "./view.ts";

afterEach(() => vi.restoreAllMocks());

const judged = { checkAt: null };
const over = { ...judged, foreignLogs: null };
const refused: Outcome = { kind: "refused", status: 400, detail: "src is missing" };
const unavailable: Outcome = { kind: "not_started", cause: "ECONNREFUSED", unavailable: true };

/** The outcome of the first attempt, whose sending has begun. */
function settle(outcome: Outcome, sidecar: Partial<Sidecar> = {}, record: Partial<TaskRecord> | null = {}) {
  const sending = { phase: "sending", attempts: 1, tries: 1, checkAt: now + 6000, foreignLogs: 0 } as const;
  return settleSubmission(
    viewOf(record && { status: "dispatching", ...record }, { ...sending, ...sidecar }),
    outcome,
    policy,
  );
}

test("a submission begins with dispatching, and counts the attempt before it is sent", () => {
  const logs = ["t,Imported from the archive"];
  expect(beginSubmission(viewOf({ logs }), policy)).toEqual({
    record: { status: "dispatching", logs: [messages.dispatching] },
    sidecar: { phase: "sending", attempts: 1, tries: 1, checkAt: now + 8000, foreignLogs: 1 },
  });
});

test("a later attempt is not logged again, and is neither due nor held any more", () => {
  const begun = beginSubmission(viewOf({}, { attempts: 2, tries: 4, dueAt: now, hold: "x" }), policy);
  expect(begun.record).toEqual({ status: "dispatching", logs: [] });
  expect(begun.sidecar).toMatchObject({ attempts: 3, tries: 5, dueAt: null, hold: null });
});

test("accepted: the record says running", () => {
  expect(settle({ kind: "accepted" })).toEqual({
    change: { record: { status: "running", logs: [messages.acknowledged] }, sidecar: { ...over, phase: "sent" } },
    done: true,
  });
  expect(settle({ kind: "accepted" }, { error: "503" }).change.sidecar).toMatchObject({ error: null });
});

test("accepted: a status that the scheduler has written meanwhile stays", () => {
  const log = { logs: [messages.acknowledged] };
  expect(settle({ kind: "accepted" }, {}, { status: "running" }).change.record).toEqual(log);
  for (const status of ["completed", "failed", "cancelled"] as const) {
    expect(settle({ kind: "accepted" }, {}, { status }).change).toEqual({ sidecar: { ...over, phase: "sent" } });
  }
  expect(settle({ kind: "accepted" }, {}, null).change).not.toHaveProperty("record");
});

test.each(["cancel", "delete"] as const)("accepted: a %s that has waited for this comes next", (want) => {
  expect(settle({ kind: "accepted" }, { want })).toEqual({
    change: { sidecar: { ...over, phase: "sent" } },
    done: false,
  });
});

test("unknown fate: the task is re-checked after the grace, and stays in sending", () => {
  expect(settle({ kind: "unknown_fate", cause: "504" })).toEqual({
    change: {
      record: { logs: ["Attempt 1 ended without a clear answer (504), checked after at least 5 s"] },
      sidecar: { checkAt: now + 5000, dueAt: now + 5000, error: "504" },
    },
    done: true,
  });
  const moved = settle({ kind: "unknown_fate", cause: "504" }, {}, { status: "running" });
  expect(moved.change).not.toHaveProperty("record");
});

test("refused: the task fails with the scheduler's detail", () => {
  expect(settle(refused)).toEqual({
    change: {
      record: { status: "failed", logs: ["Scheduler refused the task: src is missing"] },
      sidecar: { ...judged, phase: "queued", error: "src is missing" },
    },
    done: true,
  });
});

test.each(["failed", "running", "cancelled"] as const)(
  "refused: a record that says %s by now stays as it is",
  (status) => {
    expect(settle(refused, {}, { status }).change).not.toHaveProperty("record");
  },
);

test("blocked: the task waits with its reason, and the attempt is not counted", () => {
  expect(settle({ kind: "blocked", detail: "Requests are blocked" }, { attempts: 3 })).toEqual({
    change: {
      record: { status: "pending", logs: [] },
      sidecar: { ...judged, hold: "Requests are blocked", phase: "queued", attempts: 2 },
      probe: true,
    },
    done: true,
  });
});

test("unavailable: the attempt is not counted", () => {
  vi.spyOn(Math, "random").mockReturnValue(0.999_999);
  expect(settle(unavailable)).toEqual({
    change: {
      record: { status: "pending", logs: ["Attempt 1 failed with ECONNREFUSED, next in 1 s"] },
      sidecar: { ...judged, error: "ECONNREFUSED", dueAt: now + 500, phase: "queued", attempts: 0 },
      probe: false,
    },
    done: true,
  });
});

test.each<[string, Outcome]>([
  ["404", { kind: "unknown_task", detail: "Task 7 not found in shared store" }],
  ["429", { kind: "not_started", cause: "429", unavailable: false }],
])("%s: the attempt is counted", (cause, outcome) => {
  expect(settle(outcome, { attempts: 2 }).change.sidecar).toMatchObject({ phase: "queued", attempts: 2, error: cause });
});

test("Retry-After wins over the backoff, in both directions", () => {
  const later = (retryAfterMs: number) =>
    settle({ kind: "not_started", cause: "429", unavailable: false, retryAfterMs });
  expect(later(600_000).change.sidecar).toMatchObject({ dueAt: now + 600_000 });
  expect(later(600_000).change.record?.logs).toEqual(["Attempt 1 failed with 429, next in 600 s"]);
  vi.spyOn(Math, "random").mockReturnValue(0.999_999);
  const sidecar = { attempts: 9, tries: 9 };
  const outcome: Outcome = { kind: "not_started", cause: "429", unavailable: false, retryAfterMs: 1000 };
  expect(settle(outcome, sidecar).change.sidecar).toMatchObject({ dueAt: now + 1000 });
});

test.each<Outcome>([
  unavailable,
  { kind: "blocked", detail: "Requests are blocked" },
  { kind: "unknown_task", detail: "" },
])(
  "rejected ($kind) with a cancellation waiting: the task is neither held nor due, and is re-checked at once",
  (outcome) => {
    const { change, done } = settle(outcome, { want: "cancel" });
    expect(done).toBe(false);
    expect(change.sidecar).not.toHaveProperty("dueAt");
    expect(change.sidecar).not.toHaveProperty("hold");
    expect(change).toMatchObject({ record: { status: "pending" }, sidecar: { phase: "queued" } });
  },
);

test.each<Outcome>([
  unavailable,
  refused,
  { kind: "accepted" },
  { kind: "blocked", detail: "x" },
  { kind: "unknown_fate", cause: "502" },
])("no outcome ($kind) moves a record that has ended", (outcome) => {
  for (const status of ["completed", "failed", "cancelled"] as const) {
    expect(settle(outcome, {}, { status }).change).not.toHaveProperty("record");
  }
});

test.each<Outcome>([unavailable, { kind: "unknown_fate", cause: "502" }])(
  "an attempt that fails as the one before ($kind) is logged once in five",
  (outcome) => {
    const cause = "cause" in outcome ? outcome.cause : "";
    const logged = Array.from({ length: 30 }, (_, index) => {
      const sidecar = { attempts: 1, tries: index + 1, ...(index === 0 ? {} : { error: cause }) };
      return (settle(outcome, sidecar).change.record?.logs ?? []).length;
    });
    expect(logged[0]).toBe(1);
    for (let from = 1; from + 5 <= logged.length; from += 1) {
      expect(
        logged.slice(from, from + 5).reduce((sum, lines) => sum + lines, 0),
        `from ${from}`,
      ).toBe(1);
    }
  },
);

test("causes that take turns are logged once in five as well", () => {
  const logged = Array.from({ length: 25 }, (_, index) => {
    const [cause, error] = index % 2 === 0 ? ["503", "ECONNREFUSED"] : ["ECONNREFUSED", "503"];
    const outcome: Outcome = { kind: "not_started", cause, unavailable: true };
    return settle(outcome, { tries: index + 6, error }).change.record?.logs?.length ?? 0;
  });
  expect(logged.reduce((sum, lines) => sum + lines, 0)).toBe(5);
});

test("a new cause is logged at once", () => {
  expect(settle(unavailable, { tries: 3, error: "503" }).change.record?.logs).toHaveLength(1);
  expect(settle(unavailable, { tries: 3, error: "ECONNREFUSED" }).change.record?.logs).toEqual([]);
});
