import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, foreignRecord, openStore, piecesOf, readable, saveAsScheduler } from "./support.ts";

const redis = useRedis();

test("a task is given to its owner, byte for byte as stored", async () => {
  const { store } = openStore(redis);
  const raw = `{ "x": 1.0,${foreignRecord("7").slice(1, -1)}, "y": [] }\n`;
  await redis.client.set(keys.record("7"), raw);
  expect(await store.get("7", alice)).toBe(raw);
  expect(await store.get("7")).toBe(raw);
});

test("a reader sees a submission at once", async () => {
  const { store } = openStore(redis);
  const elsewhere = openStore(redis, { primary: redis.connect() }).store;
  const id = await store.submit(alice, { src: "/a" });
  expect(readable(await elsewhere.get(id, alice)).parameters).toEqual({ src: "/a" });
});

test.each([
  { service: "sync", user: "bob" },
  { service: "copy", user: "alice" },
  { service: "alice", user: "sync" },
  { service: "sync", user: "Alice" },
  { service: "sync", user: "" },
])("a task is hidden from %j, who does not own it", async (other) => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  expect(await store.get(id, other)).toBeUndefined();
});

test("there is no task without a record", async () => {
  const { store, unreadable } = openStore(redis);
  expect(await store.get("1")).toBeUndefined();
  await store.submit(alice, {});
  await redis.client.pexpireat(keys.record("1"), 1);
  expect(await store.get("1", alice)).toBeUndefined();
  expect(unreadable).toEqual([]);
});

test.each(["hide", "purge"] as const)("a task after %s is gone for every reader", async (remove) => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await change(context, id, { remove });
  expect(await redis.client.exists(keys.record(id))).toBe(remove === "hide" ? 1 : 0);
  expect(await store.get(id, alice)).toBeUndefined();
  expect(await store.get(id)).toBeUndefined();
  expect(await store.update(id, { logs: ["late"] })).toEqual({ outcome: "not_found" });
  expect(await store.cancel(id, alice)).toBeUndefined();
  expect(await store.delete(id, alice)).toBeUndefined();
});

test.each(["not json", "[]", foreignRecord("1", { service: "x" }).replace("pending", "paused")])(
  "the unreadable record %s is reported once and changed by no call",
  async (raw) => {
    const { store, unreadable } = openStore(redis);
    await store.submit(alice, {});
    await redis.client.set(keys.record("1"), raw);
    const verbs = [
      () => store.get("1"),
      () => store.get("1", alice),
      () => store.cancel("1"),
      () => store.delete("1", alice),
      () => store.update("1", { status: "failed" }),
    ];
    for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: "unreadable" });
    expect(await store.get("1", bob)).toBeUndefined();
    expect(await store.page({}, { limit: 10, order: "asc" })).toEqual({ tasks: [], unreadable: 1 });
    expect(unreadable).toEqual(["1"]);
    expect(await redis.client.get(keys.record("1"))).toBe(raw);
  },
);

test("an unreadable record is left out of every list, and its neighbours are not", async () => {
  const { store, unreadable } = openStore(redis);
  for (let count = 0; count < 5; count += 1) await store.submit(alice, {});
  await redis.client.set(keys.record("2"), "{");
  await redis.client.set(keys.record("4"), foreignRecord("4", { task_id: "4" }).replace('"sync"', "null"));
  const page = await store.page({ service: "sync" }, { limit: 3, order: "asc" });
  expect(page.tasks.map((raw) => readable(raw).task_id)).toEqual(["1", "3", "5"]);
  expect(page.nextCursor).toBeUndefined();
  const all = (await piecesOf(store.all({}))).flat();
  expect(all.map((raw) => readable(raw).task_id)).toEqual(["1", "3", "5"]);
  expect(unreadable.sort()).toEqual(["2", "4"]);
});

test("the owner of a record is who the record names, whatever sets hold it", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "3", { user_id: "bob" });
  await redis.client.sadd(keys.owner(alice), "3");
  expect(await store.get("3", alice)).toBeUndefined();
  expect(await store.get("3", { service: "sync", user: "bob" })).toBeDefined();
});
