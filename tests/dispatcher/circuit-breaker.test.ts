import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type CircuitBreaker,
  createCircuitBreaker,
} from "../../functions/background/dispatcher/limits/circuit-breaker.ts";
import type { Outcome } from "../../functions/background/dispatcher/scheduler/outcome.ts";
import { policy } from "./view.ts";

afterEach(() => vi.restoreAllMocks());

const unavailable: Outcome = { kind: "not_started", cause: "503", unavailable: true };
const accepted: Outcome = { kind: "accepted" };
let clock = 0;

beforeEach(() => {
  clock = 1000;
  // Jitter at its upper end: waits are the backoff itself.
  vi.spyOn(Math, "random").mockReturnValue(1);
});

const open = () => createCircuitBreaker(policy, () => clock);

function send(breaker: CircuitBreaker, ...outcomes: (Outcome | undefined)[]): void {
  for (const outcome of outcomes) {
    const admission = breaker.admit();
    if (!admission) throw new Error("the breaker is open");
    admission(outcome);
  }
}

/** A breaker that has just opened. */
function openBreaker(): CircuitBreaker {
  const breaker = open();
  send(breaker, unavailable, unavailable, unavailable);
  return breaker;
}

test("a closed breaker admits every request", () => {
  const breaker = open();
  expect(breaker.limit(1000)).toBe(1000);
  expect(Array.from({ length: 1000 }, () => breaker.admit())).not.toContain(undefined);
  expect(breaker.probeDelay()).toBe(0);
});

test("three failures in a row open the breaker, two do not", () => {
  const breaker = open();
  send(breaker, unavailable, unavailable);
  expect(breaker.limit(1000)).toBe(2);
  send(breaker, unavailable);
  expect(breaker.limit(1000)).toBe(0);
  expect(breaker.admit()).toBeUndefined();
});

test("an answer between failures begins the count anew", () => {
  const breaker = open();
  send(breaker, unavailable, unavailable, accepted, unavailable, unavailable);
  expect(breaker.admit()).toBeDefined();
});

test.each<Outcome>([
  { kind: "blocked", detail: "Requests are blocked" },
  { kind: "unknown_task", detail: "" },
  { kind: "refused", status: 400, detail: "" },
  { kind: "not_started", cause: "429", unavailable: false },
  { kind: "unknown_fate", cause: "500" },
])("an outcome that concerns the task alone ($kind) never opens the breaker", (outcome) => {
  const breaker = open();
  send(breaker, ...Array<Outcome>(50).fill(outcome));
  expect(breaker.limit(1000)).toBe(1000);
});

test("an open breaker admits one probe when the backoff is over, and nothing beside it", () => {
  const breaker = openBreaker();
  expect(breaker.probeDelay()).toBe(500);
  clock += 499;
  expect([breaker.limit(9), breaker.probeDelay(), breaker.admit()]).toEqual([0, 1, undefined]);
  clock += 1;
  expect([breaker.limit(9), breaker.probeDelay()]).toEqual([1, 0]);
  const probe = breaker.admit();
  expect(probe).toBeDefined();
  expect([breaker.limit(9), breaker.probeDelay(), breaker.admit()]).toEqual([0, 0, undefined]);
});

test("the waits between failing probes grow with the backoff, up to its longest", () => {
  const breaker = openBreaker();
  const waits: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    waits.push(breaker.probeDelay());
    clock += breaker.probeDelay();
    send(breaker, unavailable);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test.each<Outcome>([unavailable, { kind: "unknown_fate", cause: "ECONNRESET" }])(
  "requests that were under way when the breaker opened ($kind) do not make the first probe wait longer",
  (outcome) => {
    const breaker = open();
    const underWay = Array.from({ length: 50 }, () => breaker.admit());
    for (const [index, admission] of underWay.entries()) admission?.(index < 3 ? unavailable : outcome);
    expect(breaker.probeDelay()).toBe(500);
  },
);

test("Retry-After sets the time of the next probe", () => {
  const breaker = open();
  send(breaker, unavailable, unavailable, { ...unavailable, retryAfterMs: 7000 });
  expect(breaker.probeDelay()).toBe(7000);
});

test("after a probe that succeeds the rate grows from 2, doubling with every success", () => {
  const breaker = openBreaker();
  clock += 500;
  send(breaker, accepted);
  const limits = [breaker.limit(1000)];
  for (let count = 0; count < 10; count += 1) {
    send(breaker, accepted);
    limits.push(breaker.limit(1000));
  }
  expect(limits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
  expect(breaker.limit(3)).toBe(3);
});

test("a probe of unknown fate is no success: the breaker stays open for the next backoff", () => {
  const breaker = openBreaker();
  clock += 500;
  send(breaker, { kind: "unknown_fate", cause: "504" });
  expect([breaker.limit(1000), breaker.probeDelay()]).toEqual([0, 1000]);
});

test.each<Outcome>([
  { kind: "blocked", detail: "Requests are blocked" },
  { kind: "refused", status: 400, detail: "" },
  { kind: "unknown_task", detail: "" },
])("a probe that the scheduler has rejected ($kind) shows that it is available again", (outcome) => {
  const breaker = openBreaker();
  clock += 500;
  send(breaker, outcome);
  expect([breaker.limit(1000), breaker.probeDelay()]).toEqual([2, 0]);
});

test("a failure while the rate grows sets it back, and three open the breaker again", () => {
  const breaker = openBreaker();
  clock += 500;
  send(breaker, accepted, accepted, accepted, unavailable);
  expect(breaker.limit(1000)).toBe(2);
  send(breaker, unavailable, unavailable);
  expect(breaker.limit(1000)).toBe(0);
  expect(breaker.probeDelay()).toBe(500);
});

test("a probe that is not sent after all leaves its turn to the next one at once", () => {
  const breaker = openBreaker();
  clock += 500;
  send(breaker, undefined);
  expect(breaker.limit(9)).toBe(1);
  expect(breaker.admit()).toBeDefined();
});

test("an admission that is not used says nothing about the scheduler", () => {
  const breaker = open();
  send(breaker, unavailable, undefined, unavailable, undefined, unavailable);
  expect(breaker.admit()).toBeUndefined();
});

test("a breaker is closed until the third failure in a row, and again after a probe that went well", () => {
  const breaker = open();
  send(breaker, unavailable, unavailable);
  expect(breaker.isClosed()).toBe(true);
  send(breaker, unavailable);
  expect(breaker.isClosed()).toBe(false);
  clock += policy.minBackoff;
  send(breaker, accepted);
  expect(breaker.isClosed()).toBe(true);
});

test("a request that began while the breaker was closed passes when it is open, and is no probe", () => {
  const breaker = openBreaker();
  const admission = breaker.admitBegun();
  admission(unavailable);
  expect(breaker.probeDelay()).toBe(policy.minBackoff);
  clock += policy.minBackoff;
  expect(breaker.limit(10)).toBe(1);
});

test("an admission is closed once: what is said afterwards counts no more", () => {
  const breaker = open();
  const admission = breaker.admitBegun();
  for (let again = 0; again < 3; again += 1) admission(unavailable);
  expect(breaker.isClosed()).toBe(true);
});
