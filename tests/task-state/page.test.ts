import { expect, test } from "vitest";
import { keys, type Order, type Scope, type TaskStore } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, commandsDuring, idsOf, openStore, readable } from "./support.ts";

const redis = useRedis();

async function submitMany(store: TaskStore, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => store.submit(alice, {})));
}

/** The ids of each page, read to the end. */
async function pagesOf(store: TaskStore, scope: Scope, limit: number, order: Order): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await store.page(scope, { limit, order, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(idsOf(page.tasks));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

/** Lets the records of these tasks expire; sets and indexes keep their ids. */
async function expire(...ids: string[]): Promise<void> {
  for (const id of ids) await redis.client.pexpireat(keys.record(id), 1);
}

const numbers = (from: number, to: number) =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, index) => String(from + (from < to ? index : -index)));

test("pages go through a list in the order of the numbers, up or down", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 12);
  expect(await pagesOf(store, {}, 5, "asc")).toEqual([numbers(1, 5), numbers(6, 10), ["11", "12"]]);
  expect(await pagesOf(store, {}, 5, "desc")).toEqual([numbers(12, 8), numbers(7, 3), ["2", "1"]]);
});

test.each([1, 2, 3, 6, 7])("pages of %d hold each of 6 tasks once", async (limit) => {
  const { store } = openStore(redis);
  await submitMany(store, 6);
  for (const order of ["asc", "desc"] as const) {
    const pages = await pagesOf(store, alice, limit, order);
    expect(pages.flat()).toEqual(order === "asc" ? numbers(1, 6) : numbers(6, 1));
    expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    expect(pages).toHaveLength(Math.ceil(6 / limit));
  }
});

test("a page that ends with the list has no next one", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 3);
  expect(await store.page({}, { limit: 3, order: "asc" })).not.toHaveProperty("nextCursor");
  expect((await store.page({}, { limit: 2, order: "asc" })).nextCursor).toBe("2");
  expect((await store.page({}, { limit: 2, order: "desc" })).nextCursor).toBe("2");
});

test("an empty list is one empty page", async () => {
  const { store } = openStore(redis);
  expect(await store.page(alice, { limit: 10, order: "asc" })).toEqual({ tasks: [] });
  expect(await store.page({}, { limit: 10, order: "desc", cursor: "5" })).toEqual({ tasks: [] });
});

test("a cursor continues at its position, though its own task and others are gone", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 6);
  await store.delete("3");
  await store.delete("4");
  const up = await store.page({}, { limit: 10, order: "asc", cursor: "3" });
  const down = await store.page({}, { limit: 10, order: "desc", cursor: "3" });
  expect([idsOf(up.tasks), idsOf(down.tasks)]).toEqual([
    ["5", "6"],
    ["2", "1"],
  ]);
});

test("a task submitted between two pages appears behind them and moves nothing", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 4);
  const first = await store.page({}, { limit: 2, order: "desc" });
  await store.submit(alice, {});
  const second = await store.page({}, { limit: 2, order: "desc", cursor: first.nextCursor ?? "" });
  expect([...idsOf(first.tasks), ...idsOf(second.tasks)]).toEqual(["4", "3", "2", "1"]);
});

test("a scope shows everybody's tasks, a service's, or one user's in a service", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await store.submit(bob, {});
  await store.submit({ service: "copy", user: "alice" }, {});
  await store.submit({ service: "sync", user: "alice:users" }, {});
  const idsIn = async (scope: Scope) => idsOf((await store.page(scope, { limit: 10, order: "asc" })).tasks);
  expect(await idsIn({})).toEqual(["1", "2", "3", "4"]);
  expect(await idsIn({ service: "sync" })).toEqual(["1", "2", "4"]);
  expect(await idsIn(alice)).toEqual(["1"]);
  expect(await idsIn({ service: "sync", user: "alice:users" })).toEqual(["4"]);
  expect(await idsIn({ service: "copy", user: "bob" })).toEqual([]);
});

test("expired records leave the index, and the page stays full with the ones behind them", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 12);
  await expire("1", "2", "3", "5", "8");
  const page = await store.page(alice, { limit: 4, order: "asc" });
  expect(idsOf(page.tasks)).toEqual(["4", "6", "7", "9"]);
  expect(page.nextCursor).toBe("9");
  expect(await redis.client.zrange(keys.ordered(keys.owner(alice)), "0", "-1")).toEqual([
    "4",
    "6",
    "7",
    "9",
    "10",
    "11",
    "12",
  ]);
});

test("a list whose records have all expired is one empty page with an empty index", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 30);
  await expire(...numbers(1, 30));
  expect(await store.page({}, { limit: 2, order: "desc" })).toEqual({ tasks: [] });
  expect(await redis.client.exists(keys.ordered(keys.tasks))).toBe(0);
});

test("a page of 1000 is read in pieces of at most 500", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 1005);
  await expire("700");
  const commands = await commandsDuring(redis, async () => {
    const page = await store.page({}, { limit: 1000, order: "asc" });
    expect(idsOf(page.tasks)).toEqual([...numbers(1, 699), ...numbers(701, 1001)]);
    expect(page.nextCursor).toBe("1001");
  });
  const pieces = commands.filter(([name]) => name === "evalsha").map((words) => words.length - 5);
  expect(pieces.length).toBeGreaterThan(1);
  expect(Math.max(...pieces)).toBeLessThanOrEqual(500);
});

test("a page costs the same number of commands however long the list is", async () => {
  const { store } = openStore(redis);
  const read = () => store.page({}, { limit: 5, order: "desc" });
  await submitMany(store, 10);
  const short = await commandsDuring(redis, read);
  await submitMany(store, 300);
  const long = await commandsDuring(redis, read);
  expect(long.map(([name]) => name)).toEqual(short.map(([name]) => name));
  expect(long.every((words) => words.length <= 15)).toBe(true);
});

test("a page shows records as stored", async () => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  const raw = `${(await store.get(id))?.slice(0, -1)}, "x" : 1.0 }`;
  await redis.client.set(keys.record(id), raw);
  const { tasks } = await store.page({}, { limit: 1, order: "asc" });
  expect(tasks).toEqual([raw]);
  expect(readable(tasks[0])).toHaveProperty("x");
});
