import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, commandsDuring, openStore, workIds } from "./support.ts";

const redis = useRedis();

test("a repetition with the same parameters, in any order, gives the first task and stores nothing", async () => {
  const { store } = openStore(redis);
  const first = await store.submitOnce(alice, { src: "/a", dst: "/b" }, "k");
  expect(first).toEqual({ outcome: "submitted", id: "1" });
  expect(await store.submitOnce(alice, { dst: "/b", src: "/a" }, "k")).toEqual({ outcome: "replayed", id: "1" });
  expect(await redis.client.get(keys.sequence)).toBe("1");
  expect(await workIds(redis.client)).toEqual(["1"]);
});

test("the same key with other parameters is a conflict that stores nothing", async () => {
  const { store } = openStore(redis);
  await store.submitOnce(alice, { src: "/a" }, "k");
  for (const parameters of [{}, { src: "/b" }, { src: "/a", more: "" }]) {
    expect(await store.submitOnce(alice, parameters, "k")).toEqual({ outcome: "conflict", id: "1" });
  }
  expect(await workIds(redis.client)).toEqual(["1"]);
});

test("a key is the owner's own, whatever the three texts hold", async () => {
  const { store } = openStore(redis);
  const owners = [alice, bob, { service: "sync", user: "a:b" }, { service: "sync:a", user: "b" }];
  for (const [index, owner] of owners.entries()) {
    expect(await store.submitOnce(owner, {}, "k")).toEqual({ outcome: "submitted", id: String(index + 1) });
  }
});

test("of many repetitions at once over several connections one makes the task", async () => {
  const stores = [1, 2, 3, 4].map(() => openStore(redis, { primary: redis.connect() }).store);
  const all = await Promise.all(
    stores.flatMap((store) => Array.from({ length: 25 }, () => store.submitOnce(alice, {}, "k"))),
  );
  expect(all.filter(({ outcome }) => outcome === "submitted")).toHaveLength(1);
  expect(new Set(all.map(({ id }) => id))).toEqual(new Set(["1"]));
});

test("a key is remembered for a day unless given otherwise, counted from the first submission", async () => {
  await openStore(redis).store.submitOnce(alice, {}, "day");
  const { store } = openStore(redis, { idempotencyTtlSeconds: 60 });
  await store.submitOnce(bob, {}, "minute");
  const ttls = async () =>
    Promise.all((await redis.client.keys("dms:idempotency:*")).map((key) => redis.client.ttl(key)));
  expect((await ttls()).sort((a, b) => a - b)).toEqual([expect.closeTo(60, -1), expect.closeTo(86_400, -1)]);
  await redis.client.expire((await redis.client.keys("dms:idempotency:*"))[0] ?? "", 30);
  await store.submitOnce(bob, {}, "minute");
  await store.submitOnce(alice, {}, "day");
  expect(Math.min(...(await ttls()))).toBeLessThanOrEqual(30);
});

test("a submission with a key is one command", async () => {
  const { store } = openStore(redis);
  await store.submitOnce(alice, {}, "k");
  const commands = await commandsDuring(redis, () => store.submitOnce(alice, { src: "/a" }, "l"));
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
});
