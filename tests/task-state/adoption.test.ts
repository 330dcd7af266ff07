import { expect, test } from "vitest";
import { keys, type TaskStore } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { alice, bob, change, commandsDuring, idsOf, openStore, piecesOf, saveAsScheduler } from "./support.ts";

const redis = useRedis();

async function listed(store: TaskStore): Promise<string[]> {
  return idsOf((await store.page({}, { limit: 100, order: "asc" })).tasks);
}

/** Ends the pause between two checks of a set that is ahead of its index. */
async function endPause(): Promise<void> {
  await redis.client.del(await redis.client.keys(keys.healing("*")));
}

// Before those with large sets, whose scans go on behind their answers.
test("a set that is not ahead is not scanned", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  // Redis learns the scripts.
  await listed(store);
  const names = (await commandsDuring(redis, () => listed(store))).map(([name]) => name);
  expect(names.sort()).toEqual(["evalsha", "evalsha", "hmget", "zrange"]);
});

test("tasks that are only in the shared sets are adopted by the first list that is read", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await saveAsScheduler(redis.client, "7");
  await saveAsScheduler(redis.client, "5", { user_id: "bob" });
  expect(await listed(store)).toEqual(["1", "5", "7"]);
  expect(idsOf((await store.page(bob, { limit: 10, order: "asc" })).tasks)).toEqual(["5"]);
  expect(await store.users("sync")).toEqual(["alice", "bob"]);
});

test.each([["a service", { service: "sync" }] as const, ["a user", alice] as const])(
  "the list of %s adopts on its own",
  async (_, scope) => {
    const { store } = openStore(redis);
    await saveAsScheduler(redis.client, "7");
    expect(idsOf((await piecesOf(store.all(scope))).flat())).toEqual(["7"]);
    expect(await redis.client.zscore(keys.ordered(keys.tasks), "7")).toBe("7");
  },
);

test("a foreign task may be changed and deleted like any other", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "7", { status: "completed" });
  expect(await store.get("7", alice)).toBeDefined();
  expect(await store.delete("7", alice)).toBeDefined();
  expect(await listed(store)).toEqual([]);
  expect(await store.users("sync")).toEqual([]);
});

test("a foreign record's text and lifetime are left alone by its adoption", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "7");
  const raw = await redis.client.get(keys.record("7"));
  await redis.client.expire(keys.record("7"), 100);
  await listed(store);
  expect(await redis.client.get(keys.record("7"))).toBe(raw);
  expect(await redis.client.ttl(keys.record("7"))).toBeLessThanOrEqual(100);
  expect(await redis.client.exists(keys.sidecar("7"))).toBe(0);
});

test.each(["hide", "purge"] as const)(
  "a task after %s is not adopted again when a late writer puts it back",
  async (remove) => {
    const { store, context } = openStore(redis);
    const id = await store.submit(alice, {});
    await change(context, id, { remove });
    await saveAsScheduler(redis.client, id, { status: "running" });
    expect(await listed(store)).toEqual([]);
    expect(idsOf((await piecesOf(store.all(alice))).flat())).toEqual([]);
    expect(await store.users("sync")).toEqual([]);
    expect(await redis.client.exists(keys.ordered(keys.tasks))).toBe(0);
  },
);

test("members of a shared set without a record are dropped from it by a repair, others stay", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "7");
  await redis.client.sadd(keys.tasks, "8", "9", "demo");
  expect(await listed(store)).toEqual(["7"]);
  expect(await redis.client.scard(keys.tasks)).toBe(4);
  await store.repair();
  expect(await redis.client.smembers(keys.tasks)).toEqual(["7"]);
});

test.each(["", "id:sequence", "1:metadata", "a\nb", "x".repeat(257)])(
  "the member %j of a shared set is no task id and is left alone",
  async (member) => {
    const { store } = openStore(redis);
    await store.submit(alice, {});
    await store.delete("1", alice);
    await redis.client.sadd(keys.tasks, member);
    expect(await listed(store)).toEqual([]);
    await store.repair();
    expect(await redis.client.smembers(keys.tasks)).toEqual([member]);
  },
);

test("a foreign record is not shown when it is unreadable, and not adopted when its service would collide", async () => {
  const { store, unreadable } = openStore(redis);
  await saveAsScheduler(redis.client, "6", { service: "a:users" });
  await saveAsScheduler(redis.client, "7");
  await redis.client.set(keys.record("7"), "{");
  await saveAsScheduler(redis.client, "8");
  expect(await listed(store)).toEqual(["8"]);
  expect(unreadable.sort()).toEqual(["6", "7"]);
  expect(await store.users("a")).toEqual([]);
});

test("a set that stays ahead is compared again by each list, without a scan", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "7");
  await redis.client.set(keys.record("7"), "{");
  await redis.client.del(keys.metadata("7"));
  await listed(store);
  await saveAsScheduler(redis.client, "8");
  const names = (await commandsDuring(redis, async () => expect(await listed(store)).toEqual(["8"]))).map(
    ([name]) => name,
  );
  expect(names).not.toContain("sscan");
  expect(await redis.client.exists(keys.healing(keys.tasks))).toBe(0);
});

test("a large set that stays ahead is scanned again after a pause", async () => {
  const { store } = openStore(redis);
  const junk = Array.from({ length: 6000 }, (_, index) => `${index}:metadata`);
  await redis.client.sadd(keys.tasks, ...junk);
  await listed(store);
  await saveAsScheduler(redis.client, "8");
  expect(await redis.client.ttl(keys.healing(keys.tasks))).toBeLessThanOrEqual(10);
  expect(await redis.client.ttl(keys.healing(keys.tasks))).toBeGreaterThan(0);
  await endPause();
  await until(async () => (await listed(store)).includes("8"));
});

test("a large set is scanned after the answer of the list that found it ahead", async () => {
  const { store } = openStore(redis);
  const ids = Array.from({ length: 6000 }, (_, index) => String(index + 1));
  await Promise.all(ids.map((id) => saveAsScheduler(redis.client, id)));
  expect(await listed(store)).not.toEqual(ids.slice(0, 100));
  await until(async () => (await redis.client.zcard(keys.ordered(keys.tasks))) === ids.length);
  expect(await listed(store)).toEqual(ids.slice(0, 100));
});

test("a set that stays ahead is scanned the less often the larger it is", async () => {
  const { store } = openStore(redis);
  const junk = Array.from({ length: 50_000 }, (_, index) => `no task ${index}`);
  await redis.client.sadd(keys.tasks, ...junk);
  await listed(store);
  expect(await redis.client.ttl(keys.healing(keys.tasks))).toBeGreaterThan(40);
});

test("1000 foreign tasks are adopted at once, each exactly once", async () => {
  const { store } = openStore(redis);
  const ids = Array.from({ length: 1000 }, (_, index) => String(index + 1));
  await Promise.all(ids.map((id) => saveAsScheduler(redis.client, id)));
  const elsewhere = openStore(redis, { primary: redis.connect() }).store;
  await Promise.all([piecesOf(store.all({})), piecesOf(elsewhere.all(alice))]);
  expect(idsOf((await piecesOf(store.all({}))).flat())).toEqual(ids);
});
