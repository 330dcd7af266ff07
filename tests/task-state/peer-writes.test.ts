import { expect, test } from "vitest";
import { keys, type Owner, type Scope, type TaskStore } from "../../task-state/index.ts";
import { PythonPeer } from "../support/python-peer.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, idsOf, openStore, piecesOf } from "./support.ts";

const redis = useRedis();
const peer = () => new PythonPeer(redis.client);
const scopes: Scope[] = [{}, { service: "sync" }, alice];

async function whole(store: TaskStore, scope: Scope): Promise<string[]> {
  return idsOf((await piecesOf(store.all(scope))).flat());
}

async function submitMany(store: TaskStore, count: number, owner: Owner = alice): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => store.submit(owner, {})));
}

test("a user whose last task another program deleted is no longer named, whether it removed the name or not", async () => {
  const { store } = openStore(redis);
  const [first, second] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await submitMany(store, 1, bob);
  await peer().delete(second, alice);
  expect(await store.users("sync")).toEqual(["alice", "bob"]);
  await peer().delete(first, alice);
  await redis.client.sadd(keys.users("sync"), "alice");
  expect(await store.users("sync")).toEqual(["bob"]);
  await store.repair();
  expect(await redis.client.smembers(keys.users("sync"))).toEqual(["bob"]);
});

test("a user whose records have all expired is not named, though all sets still hold the ids", async () => {
  const { store } = openStore(redis);
  const ids = [await store.submit(alice, {}), await store.submit(alice, {}), await store.submit(bob, {})];
  await redis.client.del(ids.slice(0, 2).map(keys.record));
  expect(await store.users("sync")).toEqual(["bob"]);
  expect(await store.users("sync")).toEqual(["bob"]);
});

test("a user whose only task cannot be read is named", async () => {
  const { store } = openStore(redis);
  const [, second] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await redis.client.set(keys.record("1"), "{");
  await peer().delete(second ?? "", alice);
  expect(await store.users("sync")).toEqual(["alice"]);
});

test("another frontend's new users are named at once, in their order, also between many", async () => {
  const { store } = openStore(redis);
  const owner = (index: number) => ({ service: "sync", user: `u${String(index).padStart(4, "0")}` });
  await Promise.all(Array.from({ length: 1201 }, (_, index) => store.submit(owner(2 * index), {})));
  await peer().submit(owner(1));
  await peer().delete("1", owner(0));
  await peer().store("demo", owner(3));
  expect((await store.users("sync")).slice(0, 3)).toEqual(["u0001", "u0002", "u0003"]);
  expect(await store.users("sync")).toHaveLength(1202);
});

test("a worker's record under a number that the sequence has not reached is not overwritten, and its task is listed", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 2);
  for (const id of ["3", "6", "40"]) await peer().store(id, bob, { status: "running" });
  const before = await redis.client.mget(["3", "6", "40"].map(keys.record));
  await whole(store, {});
  await redis.client.del(keys.ordered(keys.tasks), keys.ordered(keys.service("sync")), keys.ordered(keys.owner(bob)));
  const ids = await Promise.all(Array.from({ length: 5 }, () => store.submit(alice, {})));
  expect(new Set([...ids, "3", "6", "40"]).size).toBe(8);
  expect(await redis.client.mget(["3", "6", "40"].map(keys.record))).toEqual(before);
  const own = [...ids, "1", "2"];
  expect((await whole(store, alice)).sort()).toEqual(own.sort());
  expect(await whole(store, bob)).toEqual(["3", "6", "40"]);
});

test("an update by a library user shows in every list at once, whatever status the task has", async () => {
  const { store } = openStore(redis);
  const id = await store.register(alice, {});
  const foreign = await peer().submit(alice);
  for (const [name, change] of [
    ["running", { status: "running", logs: ["started"] }],
    ["completed", { status: "completed", result: { launcher_output: "all" } }],
    ["later", { logs: ["archived"] }],
  ] as const) {
    for (const task of [id, foreign]) {
      await store.update(task, change);
      for (const scope of scopes)
        expect((await piecesOf(store.all(scope))).flat(), name).toContain(await store.get(task));
    }
  }
});
