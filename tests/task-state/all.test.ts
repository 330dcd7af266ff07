import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, idsOf, openStore, piecesOf } from "./support.ts";

const redis = useRedis();

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

async function submitMany(count: number) {
  const { store } = openStore(redis);
  await Promise.all(Array.from({ length: count }, () => store.submit(alice, {})));
  return store;
}

test("1200 tasks are given in ascending pieces of at most 500", async () => {
  const store = await submitMany(1200);
  for (const scope of [{}, { service: "sync" }, alice]) {
    const pieces = await piecesOf(store.all(scope));
    expect(pieces.map((piece) => piece.length)).toEqual([500, 500, 200]);
    expect(idsOf(pieces.flat())).toEqual(numbers(1, 1200));
  }
});

test("a list of exactly 500 is one piece of 500, and maybe an empty one", async () => {
  const store = await submitMany(500);
  expect((await piecesOf(store.all({}))).flat()).toHaveLength(500);
});

test("an empty list has no tasks", async () => {
  expect((await piecesOf(openStore(redis).store.all({}))).flat()).toEqual([]);
});

test("expired and deleted tasks are left out, even when a whole piece is gone", async () => {
  const store = await submitMany(1100);
  await redis.client.del(numbers(1, 510).map(keys.record));
  await store.delete("600", alice);
  const ids = idsOf((await piecesOf(store.all(alice))).flat());
  expect(ids).toEqual(numbers(511, 1100).filter((id) => id !== "600"));
  expect(await redis.client.zcard(keys.ordered(keys.owner(alice)))).toBe(589);
});

test("what is submitted between two pieces appears at the end", async () => {
  const store = await submitMany(501);
  const pieces = store.all({});
  expect(idsOf((await pieces.next()).value ?? [])).toEqual(numbers(1, 500));
  await store.submit(alice, {});
  expect(idsOf((await piecesOf(pieces)).flat())).toEqual(["501", "502"]);
});
