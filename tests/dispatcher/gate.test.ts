import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createGate, type Gate } from "../../functions/background/dispatcher/limits/circuit-breaker.ts";
import type { Outcome } from "../../functions/background/dispatcher/scheduler/outcome.ts";
import { policy } from "./view.ts";

afterEach(() => vi.restoreAllMocks());

const away: Outcome = { kind: "not_started", cause: "503", away: true };
const accepted: Outcome = { kind: "accepted" };
let clock = 0;

beforeEach(() => {
  clock = 1000;
  // Jitter at its upper end: waits are the backoff itself.
  vi.spyOn(Math, "random").mockReturnValue(1);
});

const open = () => createGate(policy, () => clock);

function send(gate: Gate, ...outcomes: (Outcome | undefined)[]): void {
  for (const outcome of outcomes) {
    const admission = gate.enter();
    if (!admission) throw new Error("the gate is shut");
    admission(outcome);
  }
}

/** A gate that has just been shut. */
function shut(): Gate {
  const gate = open();
  send(gate, away, away, away);
  return gate;
}

test("an open gate lets everybody through", () => {
  const gate = open();
  expect(gate.limit(1000)).toBe(1000);
  expect(Array.from({ length: 1000 }, () => gate.enter())).not.toContain(undefined);
  expect(gate.wait()).toBe(0);
});

test("three failures in a row shut the gate, two do not", () => {
  const gate = open();
  send(gate, away, away);
  expect(gate.limit(1000)).toBe(2);
  send(gate, away);
  expect(gate.limit(1000)).toBe(0);
  expect(gate.enter()).toBeUndefined();
});

test("an answer between failures begins the count anew", () => {
  const gate = open();
  send(gate, away, away, accepted, away, away);
  expect(gate.enter()).toBeDefined();
});

test.each<Outcome>([
  { kind: "blocked", detail: "Requests are blocked" },
  { kind: "unknown_task", detail: "" },
  { kind: "refused", status: 400, detail: "" },
  { kind: "not_started", cause: "429", away: false },
  { kind: "unknown_fate", cause: "500" },
])("an outcome that concerns the task alone ($kind) never shuts the gate", (outcome) => {
  const gate = open();
  send(gate, ...Array<Outcome>(50).fill(outcome));
  expect(gate.limit(1000)).toBe(1000);
});

test("a shut gate lets one probe through when the backoff is over, and nobody beside it", () => {
  const gate = shut();
  expect(gate.wait()).toBe(500);
  clock += 499;
  expect([gate.limit(9), gate.wait(), gate.enter()]).toEqual([0, 1, undefined]);
  clock += 1;
  expect([gate.limit(9), gate.wait()]).toEqual([1, 0]);
  const probe = gate.enter();
  expect(probe).toBeDefined();
  expect([gate.limit(9), gate.wait(), gate.enter()]).toEqual([0, 0, undefined]);
});

test("the waits between failing probes grow with the backoff, up to its longest", () => {
  const gate = shut();
  const waits: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    waits.push(gate.wait());
    clock += gate.wait();
    send(gate, away);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test.each<Outcome>([away, { kind: "unknown_fate", cause: "ECONNRESET" }])(
  "requests that were under way when the gate shut ($kind) do not make the first probe wait longer",
  (outcome) => {
    const gate = open();
    const underWay = Array.from({ length: 50 }, () => gate.enter());
    for (const [index, admission] of underWay.entries()) admission?.(index < 3 ? away : outcome);
    expect(gate.wait()).toBe(500);
  },
);

test("Retry-After sets the time of the next probe", () => {
  const gate = open();
  send(gate, away, away, { ...away, retryAfterMs: 7000 });
  expect(gate.wait()).toBe(7000);
});

test("after a probe that succeeds the rate grows from 2, doubling with every success", () => {
  const gate = shut();
  clock += 500;
  send(gate, accepted);
  const limits = [gate.limit(1000)];
  for (let count = 0; count < 10; count += 1) {
    send(gate, accepted);
    limits.push(gate.limit(1000));
  }
  expect(limits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
  expect(gate.limit(3)).toBe(3);
});

test("a probe of unknown fate is no success: the gate stays shut for the next backoff", () => {
  const gate = shut();
  clock += 500;
  send(gate, { kind: "unknown_fate", cause: "504" });
  expect([gate.limit(1000), gate.wait()]).toEqual([0, 1000]);
});

test.each<Outcome>([
  { kind: "blocked", detail: "Requests are blocked" },
  { kind: "refused", status: 400, detail: "" },
  { kind: "unknown_task", detail: "" },
])("a probe that the scheduler has turned away ($kind) shows that it is back", (outcome) => {
  const gate = shut();
  clock += 500;
  send(gate, outcome);
  expect([gate.limit(1000), gate.wait()]).toEqual([2, 0]);
});

test("a failure while the rate grows sets it back, and three shut the gate again", () => {
  const gate = shut();
  clock += 500;
  send(gate, accepted, accepted, accepted, away);
  expect(gate.limit(1000)).toBe(2);
  send(gate, away, away);
  expect(gate.limit(1000)).toBe(0);
  expect(gate.wait()).toBe(500);
});

test("a probe that is not sent after all leaves its place to the next one at once", () => {
  const gate = shut();
  clock += 500;
  send(gate, undefined);
  expect(gate.limit(9)).toBe(1);
  expect(gate.enter()).toBeDefined();
});

test("an admission that is not used says nothing about the scheduler", () => {
  const gate = open();
  send(gate, away, undefined, away, undefined, away);
  expect(gate.enter()).toBeUndefined();
});

test("a gate is open until the third failure in a row, and again after a probe that went well", () => {
  const gate = open();
  send(gate, away, away);
  expect(gate.isOpen()).toBe(true);
  send(gate, away);
  expect(gate.isOpen()).toBe(false);
  clock += policy.minBackoff;
  send(gate, accepted);
  expect(gate.isOpen()).toBe(true);
});

test("what was begun while the gate was open goes through when it is shut, and is no probe", () => {
  const gate = shut();
  const admission = gate.enterBegun();
  admission(away);
  expect(gate.wait()).toBe(policy.minBackoff);
  clock += policy.minBackoff;
  expect(gate.limit(10)).toBe(1);
});

test("an admission is closed once: what is said afterwards counts no more", () => {
  const gate = open();
  const admission = gate.enterBegun();
  for (let again = 0; again < 3; again += 1) admission(away);
  expect(gate.isOpen()).toBe(true);
});
