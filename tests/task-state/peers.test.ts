import { expect, test } from "vitest";
import { keys, type Owner, type Scope, type TaskStore } from "../../task-state/index.ts";
import { PythonPeer } from "../support/python-peer.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { alice, bob, commandsDuring, idsOf, openStore, piecesOf } from "./support.ts";

const redis = useRedis();
const peer = (newer = false) => new PythonPeer(redis.client, { newer });
const scopes: [name: string, scope: Scope][] = [
  ["all tasks", {}],
  ["a service", { service: "sync" }],
  ["a user", alice],
];

async function newest(store: TaskStore, scope: Scope = {}, limit = 10): Promise<string[]> {
  return idsOf((await store.page(scope, { limit, order: "desc" })).tasks);
}

async function whole(store: TaskStore, scope: Scope = {}): Promise<string[]> {
  return idsOf((await piecesOf(store.all(scope))).flat());
}

async function submitMany(store: TaskStore, count: number, owner: Owner = alice): Promise<void> {
  for (let done = 0; done < count; done += 500) {
    await Promise.all(Array.from({ length: Math.min(500, count - done) }, () => store.submit(owner, {})));
  }
}

/** Fills the indexes as that many tasks of ours would, without their records. */
async function pretendTasks(count: number): Promise<void> {
  const sets = [keys.tasks, keys.service("sync"), keys.owner(alice)];
  for (let from = 1; from <= count; from += 5000) {
    const ids = Array.from({ length: Math.min(5000, count - from + 1) }, (_, index) => String(from + index));
    const pipeline = redis.client.pipeline();
    for (const set of sets) {
      pipeline.sadd(set, ...ids);
      pipeline.zadd(keys.ordered(set), ...ids.flatMap((id) => [id, id]));
    }
    await pipeline.exec();
  }
  await redis.client.set(keys.sequence, count);
}

for (const [name, scope] of scopes) {
  test.each([false, true])(
    `the list of ${name} shows another frontend's task with its next read, newer frontend: %s`,
    async (newer) => {
      const { store } = openStore(redis);
      await submitMany(store, 3);
      expect(await whole(store, scope)).toEqual(["1", "2", "3"]);
      expect(await peer(newer).submit(alice)).toBe("4");
      expect(await newest(store, scope)).toEqual(["4", "3", "2", "1"]);
      expect(await whole(store, scope)).toEqual(["1", "2", "3", "4"]);
    },
  );

  test.each([3, 700, 6000])(
    `the list of ${name} with %i tasks shows the one that took the place of another`,
    async (count) => {
      const { store } = openStore(redis);
      await submitMany(store, count);
      await newest(store, scope);
      await peer().delete("2", alice);
      const id = await peer().submit(alice);
      expect(await redis.client.scard(keys.tasks)).toBe(count);
      expect(await newest(store, scope, 2)).toEqual([id, String(count)]);
      expect((await whole(store, scope)).slice(0, 2)).toEqual(["1", "3"]);
    },
  );

  test(`the list of ${name} shows a task from the moment its record is stored, before the sets have it`, async () => {
    const { store } = openStore(redis);
    await submitMany(store, 2);
    const id = await peer().takeId();
    expect(await newest(store, scope)).toEqual(["2", "1"]);
    await submitMany(store, 1);
    await peer().writeRecord(id, alice);
    expect(await store.get(id, alice)).toBeDefined();
    expect(await newest(store, scope)).toEqual(["4", "3", "2", "1"]);
    await peer().addToSets(id, alice);
    expect(await newest(store, scope)).toEqual(["4", "3", "2", "1"]);
  });

  test(`the list of ${name} is not held up by a task that another frontend deleted`, async () => {
    const { store } = openStore(redis);
    await submitMany(store, 4);
    await peer().delete("4", alice);
    await peer().delete("2", alice);
    expect(await newest(store, scope, 2)).toEqual(["3", "1"]);
    expect(await whole(store, scope)).toEqual(["1", "3"]);
  });
}

test("a frontend's task between a million of ours is found without a scan, whatever changed in the sets", async () => {
  const { store } = openStore(redis);
  await pretendTasks(1_000_000);
  await redis.client.srem(keys.tasks, "17");
  const id = await peer().submit(bob);
  const commands = await commandsDuring(redis, async () => {
    expect(await newest(store, {}, 1)).toEqual([id]);
  });
  const calls = commands.map(([name]) => name);
  expect(calls).not.toContain("sscan");
  expect(calls.length).toBeLessThanOrEqual(10);
  expect(await newest(store, bob)).toEqual([id]);
  expect(await store.users("sync")).toContain("bob");
});

test("a list that finds nothing new reads one command more than its page, and writes nothing", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 900);
  await peer().submit(alice);
  await newest(store);
  const commands = await commandsDuring(redis, () => newest(store));
  expect(commands.map(([name]) => name).sort()).toEqual(["evalsha", "evalsha", "hmget", "zrange"]);
});

test("many frontends that submit at once are all in the next list, each task once", async () => {
  const { store } = openStore(redis);
  const ids = (
    await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        index % 3 === 0 ? store.submit(alice, {}) : new PythonPeer(redis.client).submit(index % 2 ? alice : bob),
      ),
    )
  ).sort((a, b) => Number(a) - Number(b));
  expect(await whole(store)).toEqual(ids);
  expect(await newest(store, { service: "sync" }, 300)).toEqual(ids.toReversed());
});

test("more numbers than one look examines are all examined by the list", async () => {
  const { store } = openStore(redis);
  for (let count = 0; count < 2500; count += 1) await peer().takeId();
  const first = "1";
  await peer().store(first, alice);
  const id = await peer().submit(alice);
  expect(await whole(store)).toEqual([first, id]);
  expect(await redis.client.get(keys.seen)).toBe(id);
});

test("a number that never gets a record is forgotten", async () => {
  const { store } = openStore(redis);
  const id = await peer().takeId();
  await newest(store);
  expect(await redis.client.zrange(keys.unwritten, "0", "-1")).toEqual([id]);
  expect(await redis.client.ttl(keys.unwritten)).toBeLessThanOrEqual(60);
  await redis.client.zadd(keys.unwritten, 1, id);
  const next = await peer().submit(alice);
  expect(await newest(store)).toEqual([next]);
  expect(await redis.client.exists(keys.unwritten)).toBe(0);
});

test("a sequence that is lost, set back or damaged breaks no list, and the sets still show new tasks", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 1200);
  await peer().submit(alice);
  await newest(store);
  for (const value of ["700", "x", "-1", "9223372036854775807"]) {
    await redis.client.set(keys.sequence, value);
    expect(await newest(store, {}, 1)).toEqual(["1201"]);
  }
  await redis.client.del(keys.sequence);
  await redis.client.sadd(keys.sequence, "1");
  await peer().store("1300", alice);
  expect(await newest(store, {}, 1)).toEqual(["1300"]);
});

test("a task that this store deleted is not shown again by its number", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 3);
  await store.delete("2", alice);
  await peer().writeRecord("2", alice);
  await peer().addToSets("2", alice);
  expect(await newest(store)).toEqual(["3", "1"]);
  expect(await newest(store, alice)).toEqual(["3", "1"]);
});

test("a list is shown as it is while Redis refuses writes", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 2);
  await peer().submit(alice);
  await redis.client.config("SET", "min-replicas-to-write", "1");
  try {
    expect(await newest(store)).toEqual(["2", "1"]);
  } finally {
    await redis.client.config("SET", "min-replicas-to-write", "0");
  }
  expect(await newest(store)).toEqual(["3", "2", "1"]);
});

test("a janitor's round notes that all numbers are known, so that the next list looks at none", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 1000);
  await store.repair();
  expect(await redis.client.get(keys.seen)).toBe("1000");
});

test.each([3, 100])("a name that takes the place of a number among %i tasks is shown at once", async (count) => {
  const { store } = openStore(redis);
  await submitMany(store, count);
  for (const [, scope] of scopes) await newest(store, scope);
  await peer().delete("2", alice);
  await peer().store("demo", alice);
  for (const [, scope] of scopes) expect(await newest(store, scope, 2)).toEqual(["demo", String(count)]);
});

test("a name among 2,000 tasks is shown at once after a list has seen that another task is gone", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 2000);
  await peer().delete("2", alice);
  await newest(store, alice);
  expect(await redis.client.zscore(keys.ordered(keys.owner(alice)), "2")).toBeNull();
  await peer().store("demo", alice);
  expect(await newest(store, alice, 2)).toEqual(["demo", "2000"]);
});

test("a name in a set of more than 2,000 tasks is found in the background", async () => {
  const { store } = openStore(redis);
  await submitMany(store, 2001);
  await peer().store("demo", alice);
  await newest(store);
  await until(async () => (await newest(store, {}, 1))[0] === "demo");
});
