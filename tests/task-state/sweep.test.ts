import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import {
  alice,
  bob,
  commandsDuring,
  contents,
  foreignRecord,
  idsOf,
  openStore,
  saveAsScheduler,
  stages,
  taskIn,
} from "./support.ts";

const redis = useRedis();
const nothing = { adopted: 0, dropped: 0, retired: 0, returned: 0 };

test("a repair of what is in order mends nothing and changes nothing", async () => {
  const opened = openStore(redis);
  for (const stage of stages) await taskIn(stage, opened);
  const odd = { service: "a:b", user: "c:users" };
  await opened.store.submit(odd, {});
  await opened.store.delete("1");
  await opened.store.repair();
  const before = await contents(redis.client);
  expect(await opened.store.repair()).toEqual(nothing);
  expect(await contents(redis.client)).toEqual(before);
  expect(await opened.store.users("a:b")).toEqual(["c:users"]);
});

test("a repair of what is in order reads no record", async () => {
  const { store } = openStore(redis);
  await Promise.all(Array.from({ length: 20 }, () => store.submit(alice, {})));
  const commands = await commandsDuring(redis, () => store.repair());
  const names = new Set(commands.map(([name]) => name));
  expect(names).toContain("sscan");
  expect(names).not.toContain("get");
  const reads = commands.filter(
    ([name, , keyCount, prefix]) => name === "evalsha" && keyCount === "0" && prefix === keys.record(""),
  );
  expect(reads).toEqual([]);
});

test("an empty Redis is in order", async () => {
  expect(await openStore(redis).store.repair()).toEqual(nothing);
});

test("what expired tasks leave in the sets is dropped from all of them, and their users retire", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await store.submit(alice, {});
  await store.submit(bob, {});
  await store.submit({ service: "a:b", user: "c:users" }, {});
  await redis.client.del(...["1", "2", "4"].flatMap((id) => [keys.record(id), keys.metadata(id), keys.sidecar(id)]));
  const { dropped, retired, adopted } = await store.repair();
  // Each expired task is in four shared sets, three of which have an ordered twin that counts once with its set.
  expect({ dropped, adopted }).toEqual({ dropped: 12, adopted: 0 });
  expect(retired).toBe(2);
  const { [keys.work]: _work, ...left } = await contents(redis.client);
  expect(left).toEqual({
    [keys.sequence]: "4",
    [keys.added]: "4",
    [keys.record("3")]: expect.any(String),
    [keys.metadata("3")]: expect.anything(),
    [keys.sidecar("3")]: expect.anything(),
    [keys.tasks]: ["3"],
    [keys.service("sync")]: ["3"],
    [keys.users("sync")]: ["bob"],
    [keys.owner(bob)]: ["3"],
    [keys.user("bob")]: ["3"],
    [keys.ordered(keys.tasks)]: ["3", "3"],
    [keys.ordered(keys.service("sync"))]: ["3", "3"],
    [keys.ordered(keys.users("sync"))]: ["bob", "0"],
    [keys.ordered(keys.owner(bob))]: ["3", "3"],
  });
});

test("ordered indexes whose shared sets have expired whole are cleared", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await redis.client.del(keys.record("1"), ...(await redis.client.keys("index:*")));
  expect(await store.repair()).toMatchObject({ dropped: 3, retired: 1 });
  expect(await redis.client.keys("dms:order:*")).toEqual([]);
});

test("tasks of other programs are adopted, each counted once", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "5");
  await saveAsScheduler(redis.client, "6", { user_id: "bob" });
  await redis.client.sadd(keys.user("bob"), "6");
  expect(await store.repair()).toEqual({ ...nothing, adopted: 2 });
  expect(await store.repair()).toEqual(nothing);
  expect(idsOf((await store.page({}, { limit: 9, order: "asc" })).tasks)).toEqual(["5", "6"]);
  expect(await store.users("sync")).toEqual(["alice", "bob"]);
});

test.each([keys.service("sync"), keys.owner(alice), keys.user("alice")])(
  "a foreign task that only %s holds is adopted",
  async (set) => {
    const { store } = openStore(redis);
    await redis.client.set(keys.record("5"), foreignRecord("5"));
    await redis.client.sadd(set, "5");
    expect(await store.repair()).toEqual({ ...nothing, adopted: 1 });
    expect(idsOf((await store.page(alice, { limit: 9, order: "asc" })).tasks)).toEqual(["5"]);
  },
);

test("a foreign task hidden behind an expired one, the set and the index being equally long, is found", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await redis.client.del(keys.record("1"));
  await redis.client.srem(keys.tasks, "1");
  await saveAsScheduler(redis.client, "5");
  expect(await store.repair()).toMatchObject({ adopted: 1 });
  expect(idsOf((await store.page({}, { limit: 9, order: "asc" })).tasks)).toEqual(["5"]);
});

test("users without tasks retire, others stay", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await redis.client.sadd(keys.users("sync"), "ghost", "17");
  await redis.client.zadd(keys.ordered(keys.users("sync")), 0, "shade");
  await redis.client.sadd(keys.users("a:b"), "ghost");
  expect(await store.repair()).toEqual({ ...nothing, retired: 4 });
  expect(await redis.client.smembers(keys.users("sync"))).toEqual(["alice"]);
  expect(await store.users("sync")).toEqual(["alice"]);
});

test("a task that cannot be read is adopted for its owner on file, who stays", async () => {
  const { store, unreadable } = openStore(redis);
  await saveAsScheduler(redis.client, "5");
  await redis.client.set(keys.record("5"), "{");
  expect(await store.repair()).toEqual({ ...nothing, adopted: 1 });
  expect(await redis.client.smembers(keys.users("sync"))).toEqual(["alice"]);
  expect(unreadable).toEqual(["5"]);
});

test("a repair that is aborted beforehand changes nothing", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await store.submit(alice, {});
  await store.delete("2");
  await redis.client.del(keys.record("1"));
  await redis.client.set(keys.record("2"), foreignRecord("2"));
  await redis.client.sadd(keys.users("sync"), "ghost");
  const before = await contents(redis.client);
  expect(await store.repair(AbortSignal.abort())).toEqual(nothing);
  expect(await contents(redis.client)).toEqual(before);
});

test("a repair that is aborted on its way stops, and the next one does the rest", async () => {
  const { store, context } = openStore(redis);
  await Promise.all(Array.from({ length: 1500 }, () => store.submit(alice, {})));
  const ids = await redis.client.smembers(keys.tasks);
  await redis.client.del(ids.map(keys.record));
  const abort = new AbortController();
  const connection = redis.connect();
  const scan = connection.sscan.bind(connection);
  connection.sscan = ((...args: Parameters<typeof scan>) => {
    abort.abort();
    return scan(...args);
  }) as typeof connection.sscan;
  const first = await openStore(redis, { ...context, primary: connection }).store.repair(abort.signal);
  expect(first.dropped).toBeLessThan(1500);
  expect(first.retired).toBe(0);
  const second = await store.repair();
  expect(first.dropped + second.dropped).toBe(6000);
  expect(second.retired).toBe(1);
  expect(await redis.client.keys("index:*")).toEqual([]);
});

test("two repairs at once do the work of one", async () => {
  const { store } = openStore(redis);
  const elsewhere = openStore(redis, { primary: redis.connect() }).store;
  for (let id = 1; id <= 50; id += 1) await saveAsScheduler(redis.client, String(id), { user_id: `u${id % 5}` });
  await redis.client.del(...Array.from({ length: 25 }, (_, index) => keys.record(String(index + 1))));
  const done = await Promise.all([store.repair(), elsewhere.repair()]);
  expect(done.reduce((sum, { adopted }) => sum + adopted, 0)).toBe(25);
  expect(idsOf((await store.page({}, { limit: 100, order: "asc" })).tasks)).toHaveLength(25);
  expect(await store.repair()).toEqual(nothing);
});

test("a repair beside submissions and deletions loses no task", async () => {
  const { store } = openStore(redis);
  const elsewhere = openStore(redis, { primary: redis.connect() }).store;
  const work = async () => {
    for (let count = 0; count < 60; count += 1) {
      const id = await store.submit({ service: "sync", user: `u${count % 3}` }, {});
      if (count % 2 === 0) await store.delete(id);
    }
  };
  const repairs = async () => {
    for (let count = 0; count < 10; count += 1) await elsewhere.repair();
  };
  await Promise.all([work(), repairs()]);
  const expected = Array.from({ length: 30 }, (_, index) => String(2 * index + 2));
  expect(idsOf((await store.page({ service: "sync" }, { limit: 100, order: "asc" })).tasks)).toEqual(expected);
  expect(await redis.client.scard(keys.tasks)).toBe(30);
  expect(await store.users("sync")).toEqual(["u0", "u1", "u2"]);
});
