import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createBatch } from "../../task-state/redis/batch.ts";

/** A batch that doubles numbers and remembers what was run together. */
function doubling(batchSize: number) {
  const runs: number[][] = [];
  const double = createBatch(async (items: readonly number[]) => {
    runs.push([...items]);
    return items.map((item) => (item < 0 ? new Error(`not ${item}`) : item * 2));
  }, batchSize);
  return { runs, double };
}

test("what is asked for within one turn is run together, and each gets its own reply", async () => {
  const { runs, double } = doubling(10);
  expect(await Promise.all([double(1), double(2), double(3)])).toEqual([2, 4, 6]);
  expect(await double(4)).toBe(8);
  expect(runs).toEqual([[1, 2, 3], [4]]);
});

test("as many as are enough do not wait for the end of the turn", async () => {
  const { runs, double } = doubling(2);
  const replies = Promise.all([double(1), double(2), double(3)]);
  expect(runs).toEqual([[1, 2]]);
  expect(await replies).toEqual([2, 4, 6]);
  expect(runs).toEqual([[1, 2], [3]]);
  await nextTurn();
  expect(runs).toHaveLength(2);
});

test("an error of one fails that one alone", async () => {
  const { double } = doubling(10);
  const [first, second] = await Promise.allSettled([double(-1), double(2)]);
  expect([first, second]).toMatchObject([{ reason: { message: "not -1" } }, { value: 4 }]);
});

test("a run that fails fails all of its own, and none of the next", async () => {
  let broken = true;
  const ask = createBatch(async (items: readonly number[]) => {
    if (broken) throw new Error("gone");
    return items;
  }, 10);
  const results = await Promise.allSettled([ask(1), ask(2)]);
  expect(results).toMatchObject([{ reason: { message: "gone" } }, { reason: { message: "gone" } }]);
  broken = false;
  expect(await ask(3)).toBe(3);
});
