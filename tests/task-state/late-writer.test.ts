import { expect, test } from "vitest";
import { deletionMemory, enforceTombstones, keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, contents, openStore, piecesOf, saveAsScheduler, taskIn, tracesOf } from "./support.ts";

const redis = useRedis();
const memory = [keys.deleted, keys.deletedOwners];

/** A purged task of alice that the scheduler has then written whole, with all its sets. */
async function broughtBack() {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await change(opened.context, id, { remove: "purge" });
  await saveAsScheduler(redis.client, id, { status: "running" });
  await redis.client.sadd(keys.user("alice"), id);
  return { ...opened, id };
}

test("a deleted task that a late writer puts back stays invisible", async () => {
  const { store, id } = await broughtBack();
  expect(await store.get(id)).toBeUndefined();
  expect(await store.get(id, alice)).toBeUndefined();
  expect(await store.cancel(id, alice)).toBeUndefined();
  expect(await store.delete(id, alice)).toBeUndefined();
  expect(await store.update(id, { status: "completed" })).toEqual({ outcome: "not_found" });
  expect((await store.page({}, { limit: 10, order: "asc" })).tasks).toEqual([]);
  expect((await piecesOf(store.all(alice))).flat()).toEqual([]);
});

test("the sweep removes it from everything that the late writer has written", async () => {
  const { store, context, id } = await broughtBack();
  expect(await enforceTombstones(context)).toBe(1);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  expect(await redis.client.exists(keys.users("sync"))).toBe(0);
  expect(await store.users("sync")).toEqual([]);
  expect(await enforceTombstones(context)).toBe(0);
});

test("a repair removes deleted tasks, too", async () => {
  const { store, id } = await broughtBack();
  expect(await store.repair()).toEqual({ adopted: 0, dropped: 0, retired: 0, returned: 1 });
  expect(await tracesOf(redis.client, id)).toEqual(memory);
});

test("a tombstone sweep leaves the user's and everybody's other tasks alone", async () => {
  const { store, context } = await broughtBack();
  const others = [await store.submit(alice, {}), await store.submit(bob, {})];
  await enforceTombstones(context);
  expect((await redis.client.smembers(keys.tasks)).sort()).toEqual(others);
  expect(await store.users("sync")).toEqual(["alice", "bob"]);
});

test("a tombstone sweep needs no record: sets alone are cleared by the remembered owner", async () => {
  const { context, id } = await broughtBack();
  await redis.client.del(keys.record(id));
  expect(await enforceTombstones(context)).toBe(1);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
});

test("an unreadable record of a deleted task is removed as well", async () => {
  const { context, id } = await broughtBack();
  await redis.client.set(keys.record(id), "{");
  await redis.client.hdel(keys.deletedOwners, id);
  await enforceTombstones(context);
  expect(await redis.client.exists(keys.record(id), keys.metadata(id))).toBe(0);
  expect(await redis.client.sismember(keys.tasks, id)).toBe(0);
});

test("a hidden task that still waits for the scheduler is not removed", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.delete(id, alice);
  const before = await contents(redis.client);
  expect(await enforceTombstones(opened.context)).toBe(0);
  expect(await contents(redis.client)).toEqual(before);
});

test("a hidden task whose sidecar has expired is removed, and forgotten after the usual time", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.delete(id, alice);
  await redis.client.del(keys.sidecar(id));
  expect(await enforceTombstones(opened.context)).toBe(1);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  const forgetAt = Number(await redis.client.zscore(keys.deleted, id));
  expect(Math.abs(forgetAt - Date.now() - deletionMemory)).toBeLessThan(5000);
});

test("a deletion is forgotten when its time is over, and not before", async () => {
  const opened = openStore(redis);
  const [old, fresh] = [await taskIn("queued", opened), await taskIn("queued", opened)];
  await opened.store.delete(old);
  await opened.store.delete(fresh);
  await redis.client.zadd(keys.deleted, Date.now() - 1, old);
  await saveAsScheduler(redis.client, old);
  expect(await enforceTombstones(opened.context)).toBe(1);
  expect(await redis.client.zrange(keys.deleted, "0", "-1")).toEqual([fresh]);
  expect(await redis.client.hkeys(keys.deletedOwners)).toEqual([fresh]);
  expect(await redis.client.exists(keys.record(old))).toBe(0);
});

test("600 deletions are scanned in one go", async () => {
  const { store, context } = openStore(redis);
  const ids = await Promise.all(Array.from({ length: 600 }, () => store.submit(alice, {})));
  await Promise.all(ids.map((id) => store.delete(id)));
  await Promise.all(ids.map((id) => saveAsScheduler(redis.client, id)));
  expect(await enforceTombstones(context)).toBe(600);
  expect(await redis.client.exists(keys.tasks, keys.service("sync"), keys.owner(alice), keys.users("sync"))).toBe(0);
  expect(await redis.client.zcard(keys.deleted)).toBe(600);
});

test("metadata alone are buried, too", async () => {
  const { context, id } = await broughtBack();
  await enforceTombstones(context);
  await redis.client.hset(keys.metadata(id), { service: "sync", user_id: "alice" });
  expect(await enforceTombstones(context)).toBe(1);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
});
