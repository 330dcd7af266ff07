import { expect, test } from "vitest";
import { nextStep, type Step } from "../../functions/background/dispatcher/reconcile/next-step.ts";
import { type Hold, isTerminal, type Sidecar, statuses, type TaskRecord } from "../../task-state/index.ts";
import { now, policy, viewOf } from "./view.ts";

const release: Step = { kind: "release" };
const purge: Step = { kind: "purge" };
const later = now + 3000;

function stepOf(record: Partial<TaskRecord> | null, sidecar: Partial<Sidecar> | null, hold?: Hold): Step {
  return nextStep(viewOf(record, sidecar), policy, hold);
}

test.each([
  ["one of another program rests", { status: "running" }, null, release],
  ["one whose record is gone is purged", null, {}, purge],
  ["one that has ended rests", { status: "completed" }, { phase: "sent" }, release],
  [
    "one that has ended though a cancellation was wanted is re-checked once",
    { status: "failed" },
    { want: "cancel" },
    {
      kind: "write",
      change: { sidecar: { confirmedAt: now, dueAt: now + policy.grace, wantedAt: null }, deferCancel: null },
    },
  ],
  [
    "one that has ended and was re-checked once is released",
    { status: "failed" },
    { want: "cancel", confirmedAt: now - 1 },
    release,
  ],
  ["one that has ended is purged when it was deleted", { status: "failed" }, { phase: "sent", want: "delete" }, purge],
  ["a deleted one that was never submitted is purged", {}, { want: "delete" }, purge],
  ["one that waits is submitted", {}, {}, { kind: "submit" }],
  [
    "one that a late writer calls dispatching is submitted",
    { status: "dispatching" },
    { tries: 1 },
    { kind: "submit" },
  ],
  [
    "one that is sent again is submitted",
    { status: "dispatching" },
    { tries: 1, doubtful: 1, foreignLogs: 0 },
    { kind: "submit" },
  ],
  ["one that is due is submitted", {}, { dueAt: now, attempts: 2 }, { kind: "submit" }],
  ["one that is not due yet is released until then", {}, { dueAt: later }, { kind: "release", until: later }],
  ["one at the scheduler rests", { status: "running" }, { phase: "sent" }, release],
  [
    "one at the scheduler whose record does not show the acceptance is acknowledged",
    { status: "dispatching" },
    { phase: "sent" },
    { kind: "write", change: { record: { status: "running", logs: ["Scheduler acknowledged submission"] } } },
  ],
  ["one at the scheduler whose status another program wrote rests", { status: "pending" }, { phase: "sent" }, release],
  [
    "one at the scheduler that shall be cancelled is not acknowledged",
    { status: "dispatching" },
    { phase: "sent", want: "cancel" },
    { kind: "write", change: { record: { status: "cancel_requested", datedLogs: [] }, sidecar: { wantLogged: 1 } } },
  ],
  ["one that the service runs that registered it rests", {}, { phase: "external" }, release],
  ["one that another program runs rests", {}, { phase: "foreign" }, release],
  [
    "one at the scheduler is cancelled there",
    { status: "cancel_requested" },
    { phase: "sent", want: "cancel" },
    "cancel",
  ],
  [
    "one of another program is cancelled there",
    { status: "cancel_requested" },
    { phase: "foreign", want: "cancel" },
    "cancel",
  ],
  [
    "a deleted one at the scheduler is cancelled there",
    { status: "running" },
    { phase: "sent", want: "delete" },
    "cancel",
  ],
  [
    "a cancellation that failed rests until it is due",
    { status: "cancel_requested" },
    { phase: "sent", want: "cancel", dueAt: later },
    { kind: "release", until: later },
  ],
  [
    "a cancellation that is a dead letter is released",
    { status: "cancel_requested" },
    { phase: "sent", want: "cancel", dead: "cancel" },
    release,
  ],
] as [string, Partial<TaskRecord> | null, Partial<Sidecar> | null, Step | "cancel"][])(
  "of all tasks, %s",
  (_, record, sidecar, expected) => {
    const wanted = typeof expected === "string" ? { kind: expected } : expected;
    const found = stepOf(record, sidecar);
    if (wanted.kind === "submit" || wanted.kind === "cancel") expect(found).toMatchObject(wanted);
    else expect(found).toEqual(wanted);
  },
);

test("a task that cannot be read is quarantined with the reason, whatever is wanted of it", () => {
  for (const sidecar of [{}, { want: "delete" }, { phase: "sending", checkAt: now - 1 }, null] as const) {
    const view = viewOf({}, sidecar, { raw: "{", record: undefined, unreadable: "the record is not JSON" });
    expect(nextStep(view, policy)).toEqual({ kind: "quarantine", reason: "the record is not JSON" });
  }
});

test.each([
  ["paused", "dispatch is paused"],
  ["all_blocked", "all requests are blocked"],
  ["user_blocked", "requests of alice are blocked"],
] as const)("a task that waits is held while it is %s, whatever is due or counted", (hold, text) => {
  for (const sidecar of [{}, { dueAt: later }, { dueAt: now - 1, attempts: 1 }, { attempts: policy.maxAttempts }]) {
    expect(stepOf({}, sidecar, hold)).toEqual({ kind: "release", hold: text });
  }
});

test("a hold delays neither cancellations nor checks", () => {
  const cancelled = { phase: "sent", want: "cancel" } as const;
  expect(stepOf({ status: "cancel_requested" }, cancelled, "paused")).toMatchObject({ kind: "cancel" });
  expect(stepOf({ status: "dispatching" }, { phase: "sending" }, "paused")).toMatchObject({ kind: "write" });
});

test("after the last attempt a task fails with the reason and goes to the dead letters", () => {
  expect(stepOf({}, { attempts: 3, error: "429", tries: 5 })).toEqual({
    kind: "write",
    change: {
      record: { status: "failed", logs: ["Submission failed after 3 attempts: 429"] },
      sidecar: { dead: "submit", dueAt: null, hold: null },
      deadLetter: { request: "submit", attempts: 3, error: "429" },
    },
  });
  expect(stepOf({}, { attempts: 2, error: "429" })).toMatchObject({ kind: "submit" });
});

test.each([
  ["waits", {}, undefined],
  ["waits for a retry", { dueAt: later, error: "503" }, undefined],
  ["is held", {}, "user_blocked"],
] as const)("a task that is too old and %s fails and goes to the dead letters", (_, sidecar, hold) => {
  const aged = { ...policy, maxAge: 60_000 };
  const created = (age: number) => viewOf({ created_at: new Date(now - age).toISOString() }, sidecar);
  const error = "Not submitted within 60 s: given up";
  const step = nextStep(created(60_001), aged, hold);
  expect(step).toMatchObject({ kind: "write", change: { record: { status: "failed", logs: [error] } } });
  expect(step).toMatchObject({ change: { deadLetter: { request: "submit", attempts: 0 } } });
  expect(nextStep(created(60_000), aged, hold)).not.toMatchObject({ kind: "write" });
  expect(nextStep(created(1e12), policy, hold)).not.toMatchObject({ kind: "write" });
});

test.each(["dispatching", "running", "cancel_requested"] as const)(
  "a task that waits, was never sent, and that somebody else has made %s is not ours to submit",
  (status) => {
    expect(stepOf({ status }, {})).toEqual({ kind: "write", change: { sidecar: { phase: "foreign" } } });
    expect(stepOf({ status }, { doubtful: 1 })).toMatchObject({
      kind: "write",
      change: { sidecar: { phase: "sent" } },
    });
  },
);

/** Every way to take one value from each list. */
function combinations<Lists extends readonly (readonly unknown[])[]>(
  ...lists: Lists
): { [Index in keyof Lists]: Lists[Index][number] }[] {
  const rows = lists.reduce<unknown[][]>(
    (taken, list) => taken.flatMap((row) => list.map((value) => [...row, value])),
    [[]],
  );
  return rows as { [Index in keyof Lists]: Lists[Index][number] }[];
}

const everything = combinations(
  ["queued", "sending", "sent", "external", "foreign"] as const,
  statuses,
  [{}, { want: "cancel" }, { want: "cancel", wantedAt: "t" }, { want: "delete" }] as const,
  [{}, { dueAt: now - 1 }, { dueAt: later }],
  [{}, { doubtful: 1 }, { dead: "cancel" }, { confirmedAt: now }, { checkAt: later }, { attempts: 3 }] as const,
  [undefined, "paused"] as const,
  [0, 500],
);

test("every combination keeps the promises", () => {
  for (const [phase, status, request, due, more, hold, maxAge] of everything) {
    const sidecar: Partial<Sidecar> = { phase, ...request, ...due, ...more };
    const step = nextStep(viewOf({ status }, sidecar), { ...policy, maxAge }, hold);
    const shown = JSON.stringify({ status, sidecar, hold, maxAge, step });
    const { want, dueAt = 0, attempts = 0 } = sidecar;
    const waits = phase === "queued" && status === "pending" && want === undefined;
    const free = hold === undefined && dueAt <= now && attempts < policy.maxAttempts && maxAge === 0;
    expect(step.kind === "submit", shown).toBe(waits && free);
    if (isTerminal(status)) {
      expect([want === "delete" ? "purge" : "release", "write"], shown).toContain(step.kind);
      expect(step, shown).not.toHaveProperty("change.record");
    }
    if (step.kind === "purge") expect(want, shown).toBe("delete");
    if (step.kind === "cancel") {
      expect([want !== undefined, phase !== "sending", dueAt <= now], shown).toEqual([true, true, true]);
      if (want === "cancel") expect(status, shown).toBe("cancel_requested");
      if (phase === "queued") expect([1, "dispatching"], shown).toContain(step.sidecar.doubtful ?? status);
    }
    if (step.kind === "write") {
      expect(step.change.record?.status, shown).not.toBe("pending");
      if (phase === "sent" && step.change.record?.status === "running") {
        expect([status, want], shown).toEqual(["dispatching", undefined]);
      }
    }
  }
});
