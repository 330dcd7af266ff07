import { beforeEach, expect, test } from "vitest";
import { unpark } from "../../functions/background/dispatcher/limits/unpark.ts";
import { acquirePermit, keys, pauseDispatch } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, commandsDuring, openStore, workIds } from "../task-state/support.ts";
import { policy } from "./view.ts";

const redis = useRedis();
let ids: string[] = [];

/** Three tasks of alice and one of bob are held, and have waited long enough to be asked about. */
beforeEach(async () => {
  const { store, context } = openStore(redis);
  ids = [];
  for (const owner of [alice, alice, alice, bob]) ids.push(await store.submit(owner, {}));
  for (const id of ids) await change(context, id, { sidecar: { hold: "x" } });
  await redis.client.del(keys.work);
  await redis.client.zadd(keys.parkedUsers, 0, "alice", 0, "bob");
});

test("what nothing holds any more goes on", async () => {
  await unpark(redis.client, policy);
  expect((await workIds(redis.client)).toSorted()).toEqual(ids);
});

test.each([
  ["a pause", () => pauseDispatch(redis.client), 0],
  ["a block of all", () => redis.client.set(keys.blocksAll, '{"blocked":true}'), 0],
  ["a block of the user", () => redis.client.set(keys.blocksUser("alice"), '{"blocked":true}'), 1],
])("%s keeps the tasks where they are, without any coming and going", async (_, hold, free) => {
  await hold();
  await unpark(redis.client, policy);
  expect(await workIds(redis.client)).toEqual(ids.slice(4 - free));
  expect(await redis.client.zrange(keys.parked("alice"), "0", "-1")).toEqual(ids.slice(0, 3));
});

test("a user's tasks go on as far as there are permits", async () => {
  const caps = { ...policy.caps, maxInFlightPerUser: 2 };
  await acquirePermit(redis.client, "99", "alice", caps, 60_000, true);
  await unpark(redis.client, { ...policy, caps });
  expect((await workIds(redis.client)).toSorted()).toEqual([ids[0], ids[3]]);
});

test("nobody is asked about again at once", async () => {
  const blocked = [keys.blocksUser("alice"), keys.blocksUser("bob")];
  for (const key of blocked) await redis.client.set(key, '{"blocked":true}');
  await unpark(redis.client, policy);
  await redis.client.del(...blocked);
  await unpark(redis.client, policy);
  expect(await workIds(redis.client)).toEqual([]);
});

test("while everybody is held one check is made, and all users are asked about at once afterwards", async () => {
  await pauseDispatch(redis.client);
  expect(await commandsDuring(redis, () => unpark(redis.client, policy))).toHaveLength(1);
  await redis.client.del(keys.paused);
  await unpark(redis.client, policy);
  expect((await workIds(redis.client)).toSorted()).toEqual(ids);
});
