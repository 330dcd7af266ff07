import { expect, test } from "vitest";
import { messages } from "../../functions/background/dispatcher/reconcile/messages.ts";
import { nextStep } from "../../functions/background/dispatcher/reconcile/next-step.ts";
import type { Sidecar, TaskRecord } from "../../task-state/index.ts";
import { now, policy, viewOf } from "./view.ts";

const judged = { checkAt: null, dueAt: null };
const seen = { ...judged, foreignLogs: null };

function judge(record: Partial<TaskRecord>, sidecar: Partial<Sidecar> = {}) {
  return nextStep(
    viewOf({ status: "dispatching", ...record }, { phase: "sending", foreignLogs: 0, ...sidecar }),
    policy,
  );
}

test("a submission is not judged before its time", () => {
  const checkAt = now + 1;
  expect(judge({ status: "running" }, { checkAt })).toEqual({ kind: "release", until: checkAt });
  expect(judge({}, { checkAt, want: "delete" })).toEqual({ kind: "release", until: checkAt });
  expect(judge({}, { checkAt: now })).toMatchObject({ kind: "write" });
});

test("without a sign of the scheduler a task waits again, and is never again taken for one that was not sent", () => {
  const log = [
    "t,Dispatching to scheduler",
    "t,Attempt 1 ended without a clear answer (504), checked after at least 5 s",
  ];
  expect(judge({ logs: log })).toEqual({
    kind: "write",
    change: { sidecar: { ...judged, phase: "queued", doubtful: 1 } },
  });
});

test.each<[string, Partial<TaskRecord>]>([
  ["an active job", { active_jobs: [{ name: "job-7" }] }],
  ["a pod status", { result: { pod_status: "Running", launcher_output: null } }],
  ["launcher output", { result: { pod_status: null, launcher_output: "" } }],
  ["a log entry that is not ours", { logs: ["t,Dispatching to scheduler", "t,Task accepted by scheduler"] }],
])("%s is a sign: the task counts as sent, and the record says running", (_, record) => {
  const sent = {
    kind: "write",
    change: { record: { status: "running", logs: [messages.evident] }, sidecar: { ...seen, phase: "sent" } },
  };
  expect(judge(record)).toEqual(sent);
  // The scheduler may take it later than the grace lasts, while a block, a limit or an outage keeps us from sending again.
  expect(judge(record, { phase: "queued", doubtful: 1 })).toEqual(sent);
});

test("a job of a task that we know nothing of having sent is a sign: Redis may have lost that we did", () => {
  const record = { status: "pending", active_jobs: [{ name: "job-7" }] } as const;
  expect(judge(record, { phase: "queued" })).toEqual({ kind: "write", change: { sidecar: { phase: "foreign" } } });
});

test("without a doubt what others have written into a task that waits is no sign", () => {
  const record = { status: "pending", logs: ["t,Priority set to high"] } as const;
  expect(judge(record, { phase: "queued", tries: 1 })).toMatchObject({ kind: "submit" });
  expect(judge(record, { phase: "queued", tries: 1, doubtful: 1 })).toMatchObject({ kind: "write" });
});

test.each(["running", "cancel_requested"] as const)("the status %s is a sign, and stays", (status) => {
  expect(judge({ status })).toEqual({ kind: "write", change: { record: {}, sidecar: { ...seen, phase: "sent" } } });
});

test("log entries of others from before the submission are no sign", () => {
  const logs = ["t,Imported from the archive", "t,Dispatching to scheduler"];
  expect(judge({ logs }, { foreignLogs: 1 })).toMatchObject({ change: { sidecar: { phase: "queued" } } });
  expect(judge({ logs }, { foreignLogs: 0 })).toMatchObject({ change: { sidecar: { phase: "sent" } } });
});

test("every message of ours is known as ours, so that none is taken for a sign", () => {
  const ours = Object.values(messages).map((message) =>
    typeof message === "string" ? message : (message as (...args: unknown[]) => string)(4, "503", 5),
  );
  const others = [
    "Cancellation requested",
    "Cancelled before it was submitted",
    "Submission is tried again by an operator",
    "Cancellation is tried again by an operator",
  ];
  for (const message of [...ours, ...others]) {
    expect(judge({ logs: [`2026-11-24T04:38:53.252169+09:00,${message}`] }), message).toMatchObject({
      change: { sidecar: { phase: "queued" } },
    });
  }
});

test.each(["cancel", "delete"] as const)(
  "without a sign a task whose owner wants a %s is cancelled at the scheduler",
  (want) => {
    expect(judge({}, { want })).toEqual({
      kind: "write",
      change: { sidecar: { ...judged, phase: "sent", doubtful: 1 } },
    });
  },
);

test("a task whose fate was unknown once is cancelled at the scheduler, not by us alone", () => {
  const doubtful = { doubtful: 1, want: "cancel", wantedAt: "t0" } as const;
  expect(nextStep(viewOf({}, doubtful), policy)).toEqual({
    kind: "write",
    change: {
      record: { status: "cancel_requested", datedLogs: ["t0,Cancellation requested"] },
      sidecar: { wantLogged: 1 },
    },
  });
  expect(nextStep(viewOf({}, { doubtful: 1, want: "delete" }), policy)).toMatchObject({ kind: "cancel" });
});

test("a submission that was rejected leaves a wanted cancellation to us alone", () => {
  expect(nextStep(viewOf({}, { want: "cancel", wantedAt: "t0", attempts: 1 }), policy)).toEqual({
    kind: "write",
    change: {
      record: { status: "cancelled", datedLogs: ["t0,Cancellation requested"], logs: [messages.cancelledUnsent] },
      sidecar: { wantedAt: null },
      deferCancel: null,
    },
  });
});

test("a task that comes back behind its confirmed cancellation is cancelled once more", () => {
  const confirmed = { phase: "sent", want: "cancel", confirmedAt: now - 1, dueAt: now } as const;
  expect(nextStep(viewOf({ status: "running" }, confirmed), policy)).toEqual({
    kind: "write",
    change: { sidecar: { confirmedAt: null, dueAt: null } },
  });
});
