import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createSlots } from "../../functions/background/dispatcher/limits/concurrency.ts";

const never = new AbortController().signal;

test("no more places are taken than there are", () => {
  const slots = createSlots(3);
  expect([slots.take(2), slots.take(2), slots.take(1)]).toEqual([2, 1, 0]);
  expect(slots.inUse()).toBe(3);
  slots.give(2);
  expect([slots.inUse(), slots.take(5)]).toEqual([1, 2]);
});

test("nothing is taken for a negative number of places", () => {
  const slots = createSlots(3);
  expect([slots.take(-4), slots.inUse()]).toEqual([0, 0]);
});

test("a wait ends when places are given back", async () => {
  const slots = createSlots(1);
  slots.take(1);
  const waits = Promise.all([slots.untilChange(never), slots.untilChange(never)]);
  slots.give(1);
  await waits;
});

test("a wait ends when the signal aborts, has aborted, or the time is over", async () => {
  const slots = createSlots(1);
  const stop = new AbortController();
  const wait = slots.untilChange(stop.signal);
  stop.abort();
  await wait;
  await slots.untilChange(stop.signal);
  await slots.untilChange(never, 1);
});

test("giving nothing back wakes nobody", async () => {
  const slots = createSlots(1);
  slots.take(1);
  let woken = false;
  const wait = slots.untilChange(never).then(() => {
    woken = true;
  });
  slots.give(0);
  await slots.untilChange(never, 1);
  expect(woken).toBe(false);
  slots.give(1);
  await wait;
});

test("all places are awaited until the last is free", async () => {
  const slots = createSlots(3);
  await slots.untilIdle();
  slots.take(3);
  let idle = false;
  const wait = slots.untilIdle().then(() => {
    idle = true;
  });
  slots.give(2);
  await slots.untilChange(never, 1);
  expect(idle).toBe(false);
  slots.give(1);
  await wait;
});

test("who waits is told once of all that is given back in one turn, or at once when enough places are free", async () => {
  const slots = createSlots(8, 3);
  slots.take(8);
  let told = 0;
  const count = async () => {
    for (;;) {
      await slots.untilChange(never);
      told += 1;
    }
  };
  void count();
  slots.give(1);
  slots.give(1);
  expect(told).toBe(0);
  await nextTurn();
  expect(told).toBe(1);
  slots.give(1);
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toBe(2);
  await nextTurn();
  expect(told).toBe(2);
});

test("a wait can be ended from outside", async () => {
  const slots = createSlots(1);
  const wait = slots.untilChange(never);
  slots.wake();
  await wait;
});
