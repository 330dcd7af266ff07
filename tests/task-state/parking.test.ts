import { expect, test } from "vitest";
import { dueParkedUsers, keys, releaseParked } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, openStore, workIds } from "./support.ts";

const redis = useRedis();
const hold = "requests of alice are blocked";

/** Tasks that are held; the work stream is empty. */
async function parked(count: number, owner = alice): Promise<string[]> {
  const { store, context } = openStore(redis);
  const ids = await Promise.all(Array.from({ length: count }, () => store.submit(owner, {})));
  await Promise.all(ids.map((id) => change(context, id, { sidecar: { hold } })));
  await redis.client.del(keys.work);
  return ids;
}

const release = (permits?: number) => releaseParked(redis.client, "alice", permits);

test("a held task is parked with its user's others, by its id", async () => {
  const { context } = openStore(redis);
  const ids = await parked(3);
  await change(context, ids[1] ?? "", { sidecar: { hold: "dispatch is paused" } });
  await parked(1, bob);
  expect(await redis.client.zrange(keys.parked("alice"), "0", "-1")).toEqual(ids);
  expect(await redis.client.zcard(keys.parked("bob"))).toBe(1);
  expect(await redis.client.zrange(keys.parkedUsers, "0", "-1")).toEqual(["alice", "bob"]);
});

test("a task that is not held any more is parked no more", async () => {
  const { store, context } = openStore(redis);
  const [first = "", second = "", third = ""] = await parked(3);
  await change(context, first, { sidecar: { hold: null } });
  await store.cancel(second);
  await store.delete(third);
  expect(await redis.client.exists(keys.parked("alice"))).toBe(0);
  expect(await release()).toBe(0);
  expect(await redis.client.exists(keys.parkedUsers, keys.parkedPace)).toBe(0);
});

test("what is released goes to the work stream, oldest first, and is counted among its entries", async () => {
  const ids = await parked(12);
  const before = Number(await redis.client.get(keys.added));
  expect(await release()).toBe(12);
  expect(await workIds(redis.client)).toEqual(ids);
  expect(await redis.client.get(keys.added)).toBe(String(before + 12));
  expect(await redis.client.exists(keys.parked("alice"), keys.parkedUsers, keys.parkedPace)).toBe(0);
});

test("the pace doubles with every release, so that a long hold does not end in a stampede", async () => {
  await parked(600);
  expect([await release(), await release(), await release(), await release(), await release()]).toEqual([
    64, 128, 256, 152, 0,
  ]);
});

test("after a task that only tried, one goes first, then two, then four", async () => {
  const { context } = openStore(redis);
  const [first = ""] = await parked(10);
  await change(context, first, { sidecar: { hold }, probe: true });
  expect([await release(), await release(), await release(), await release()]).toEqual([1, 2, 4, 3]);
});

test("no more are released than there are permits for", async () => {
  const ids = await parked(5);
  expect([await release(0), await release(1), await release(2)]).toEqual([0, 1, 2]);
  expect(await workIds(redis.client)).toEqual(ids.slice(0, 3));
  expect(await redis.client.zrange(keys.parkedUsers, "0", "-1")).toEqual(["alice"]);
});

test("nothing parked: nothing is released", async () => {
  expect(await release()).toBe(0);
  expect(await redis.client.keys("*")).toEqual([]);
});

test("a user is asked about half a second after the first task was parked, and then again", async () => {
  await parked(2);
  const now = Date.now();
  expect(await dueParkedUsers(redis.client, now, 10)).toEqual([]);
  expect(await dueParkedUsers(redis.client, now + 600, 10)).toEqual(["alice"]);
  expect(await dueParkedUsers(redis.client, now + 600, 10)).toEqual([]);
  expect(await dueParkedUsers(redis.client, now + 1200, 10)).toEqual(["alice"]);
});

test("of many users those that wait longest are asked about first, so that each is served", async () => {
  for (const user of ["a", "b", "c", "d"]) await parked(1, { service: "sync", user });
  const later = Date.now() + 600;
  const asked = [await dueParkedUsers(redis.client, later, 2), await dueParkedUsers(redis.client, later, 2)];
  expect(asked.flat().toSorted()).toEqual(["a", "b", "c", "d"]);
});

test("two dispatchers that release at once move each task once", async () => {
  const ids = await parked(40);
  const other = redis.connect();
  const moved = await Promise.all([release(), releaseParked(other, "alice"), release(), releaseParked(other, "alice")]);
  expect(moved.reduce((sum, count) => sum + count, 0)).toBe(40);
  expect(await workIds(redis.client)).toEqual(ids);
});
