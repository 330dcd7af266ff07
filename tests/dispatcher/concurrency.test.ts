import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createConcurrencyLimiter } from "../../functions/background/dispatcher/limits/concurrency.ts";

const never = new AbortController().signal;

test("no more permits are acquired than there are", () => {
  const limiter = createConcurrencyLimiter(3);
  expect([limiter.acquire(2), limiter.acquire(2), limiter.acquire(1)]).toEqual([2, 1, 0]);
  expect(limiter.inUse()).toBe(3);
  limiter.release(2);
  expect([limiter.inUse(), limiter.acquire(5)]).toEqual([1, 2]);
});

test("nothing is acquired for a negative number of permits", () => {
  const limiter = createConcurrencyLimiter(3);
  expect([limiter.acquire(-4), limiter.inUse()]).toEqual([0, 0]);
});

test("a wait ends when permits are released", async () => {
  const limiter = createConcurrencyLimiter(1);
  limiter.acquire(1);
  const waits = Promise.all([limiter.untilChange(never), limiter.untilChange(never)]);
  limiter.release(1);
  await waits;
});

test("a wait ends when the signal aborts, has aborted, or the time is over", async () => {
  const limiter = createConcurrencyLimiter(1);
  const stop = new AbortController();
  const wait = limiter.untilChange(stop.signal);
  stop.abort();
  await wait;
  await limiter.untilChange(stop.signal);
  await limiter.untilChange(never, 1);
});

test("releasing nothing notifies no waiter", async () => {
  const limiter = createConcurrencyLimiter(1);
  limiter.acquire(1);
  let woken = false;
  const wait = limiter.untilChange(never).then(() => {
    woken = true;
  });
  limiter.release(0);
  await limiter.untilChange(never, 1);
  expect(woken).toBe(false);
  limiter.release(1);
  await wait;
});

test("all permits are awaited until the last is free", async () => {
  const limiter = createConcurrencyLimiter(3);
  await limiter.untilIdle();
  limiter.acquire(3);
  let idle = false;
  const wait = limiter.untilIdle().then(() => {
    idle = true;
  });
  limiter.release(2);
  await limiter.untilChange(never, 1);
  expect(idle).toBe(false);
  limiter.release(1);
  await wait;
});

test("a waiter is notified once of all releases of one turn, or at once when enough permits are free", async () => {
  const limiter = createConcurrencyLimiter(8, 3);
  limiter.acquire(8);
  let notified = 0;
  const count = async () => {
    for (;;) {
      await limiter.untilChange(never);
      notified += 1;
    }
  };
  void count();
  limiter.release(1);
  limiter.release(1);
  expect(notified).toBe(0);
  await nextTurn();
  expect(notified).toBe(1);
  limiter.release(1);
  await Promise.resolve();
  await Promise.resolve();
  expect(notified).toBe(2);
  await nextTurn();
  expect(notified).toBe(2);
});

test("a wait can be ended from outside", async () => {
  const limiter = createConcurrencyLimiter(1);
  const wait = limiter.untilChange(never);
  limiter.notify();
  await wait;
});
