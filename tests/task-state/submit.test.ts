import { expect, test } from "vitest";
import { createTaskStore, keys, type Owner } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, contents, openStore, readable, workIds } from "./support.ts";

const redis = useRedis();

test("a submitted task has its keys, of their types and with their lifetimes, and no others", async () => {
  const { store } = openStore(redis, { ttlSeconds: 1000 });
  expect(await store.submit(alice, {})).toBe("1");
  const found: Record<string, [string, number]> = {};
  for (const key of await redis.client.keys("*")) {
    found[key] = [await redis.client.type(key), await redis.client.ttl(key)];
  }
  const about = (seconds: number) => expect.closeTo(seconds, -1);
  expect(found).toEqual({
    "task:id:sequence": ["string", -1],
    "task:1": ["string", about(1000)],
    "task:1:metadata": ["hash", about(1060)],
    "index:tasks": ["set", about(1000)],
    "index:service:sync": ["set", about(1000)],
    "index:service:sync:users": ["set", about(1000)],
    "index:service:sync:user:alice": ["set", about(1000)],
    "index:user:alice": ["set", about(1000)],
    "dms:order:index:tasks": ["zset", -1],
    "dms:order:index:service:sync": ["zset", -1],
    "dms:order:index:service:sync:users": ["zset", -1],
    "dms:order:index:service:sync:user:alice": ["zset", -1],
    "dms:task:1": ["hash", about(4600)],
    "dms:work": ["stream", -1],
    "dms:work:added": ["string", -1],
  });
});

test("the members of each key are the id, and the user in the users of the service", async () => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  const { [keys.work]: work, [keys.record(id)]: _, ...others } = await contents(redis.client);
  expect(work).toEqual([[expect.any(String), ["id", "1"]]]);
  expect(others).toEqual({
    "task:id:sequence": "1",
    "task:1:metadata": { service: "sync", user_id: "alice" },
    "index:tasks": ["1"],
    "index:service:sync": ["1"],
    "index:service:sync:users": ["alice"],
    "index:service:sync:user:alice": ["1"],
    "index:user:alice": ["1"],
    "dms:order:index:tasks": ["1", "1"],
    "dms:order:index:service:sync": ["1", "1"],
    "dms:order:index:service:sync:users": ["alice", "0"],
    "dms:order:index:service:sync:user:alice": ["1", "1"],
    "dms:task:1": { service: "sync", user: "alice", phase: "queued", rev: "1", place: "1", since: expect.any(String) },
    "dms:work:added": "1",
  });
});

test("the record is compact JSON with its members in the order that other programs write", async () => {
  const { context } = openStore(redis);
  const time = "2026-11-24T04:38:53.252169+09:00";
  const store = createTaskStore({ ...context, clock: () => time });
  await store.submit(alice, { src: "/pvs/a", dst: "", z: "1", a: '"\\\n,用' });
  expect(await redis.client.get("task:1")).toBe(
    '{"task_id":"1","service":"sync","user_id":"alice","status":"pending",' +
      '"parameters":{"src":"/pvs/a","dst":"","z":"1","a":"\\"\\\\\\n,用"},' +
      `"created_at":"${time}","updated_at":"${time}","logs":[],` +
      '"result":{"pod_status":null,"launcher_output":null},"priority":"low","active_jobs":[]}',
  );
});

test("times are those of Seoul unless given otherwise", async () => {
  const seoul = openStore(redis).store;
  const utc = openStore(redis, { timeZone: "UTC" }).store;
  const { created_at: inSeoul } = readable(await seoul.get(await seoul.submit(alice, {})));
  const { created_at: inUtc } = readable(await utc.get(await utc.submit(alice, {})));
  expect(inSeoul).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+09:00$/);
  expect(inUtc).toMatch(/\.\d{6}\+00:00$/);
});

test("the lifetime is 90 days unless given otherwise", async () => {
  await openStore(redis).store.submit(alice, {});
  expect(await redis.client.ttl("task:1")).toBeGreaterThan(7_776_000 - 10);
  expect(await redis.client.ttl("task:1")).toBeLessThanOrEqual(7_776_000);
});

test("parameters with the names of built-ins and of templates are plain data", async () => {
  const { store } = openStore(redis);
  const parameters = Object.fromEntries(
    ["__proto__", "constructor", "toJSON", "{id}", "%1", "", "10", "2"].map((name) => [name, `{id} ${name} %0`]),
  );
  const id = await store.submit({ service: "a:b", user: "{id}:users" }, parameters);
  const record = readable(await store.get(id));
  expect(Object.entries(record.parameters).sort()).toEqual(Object.entries(parameters).sort());
  expect(record).toMatchObject({ service: "a:b", user_id: "{id}:users" });
  expect(await redis.client.smembers("index:service:a:b:user:{id}:users")).toEqual(["1"]);
});

test("200 tasks submitted at once over several connections get consecutive ids, each its own task", async () => {
  const stores = [1, 2, 3, 4].map(() => openStore(redis, { primary: redis.connect() }).store);
  const submissions = stores.flatMap((store, connection) =>
    Array.from({ length: 50 }, async (_, count) => {
      const mark = `${connection}/${count}`;
      return { mark, id: await store.submit({ service: "sync", user: `u${count % 7}` }, { mark }) };
    }),
  );
  const tasks = await Promise.all(submissions);
  const numbers = tasks.map(({ id }) => Number(id)).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  expect(await workIds(redis.client)).toEqual(numbers.map(String));
  const { store } = openStore(redis);
  for (const { id, mark } of tasks) {
    expect(readable(await store.get(id))).toMatchObject({ task_id: id, parameters: { mark } });
  }
});

test("a submission is one command", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  const commands = await commandsDuring(redis, () => store.submit(alice, { src: "/a" }));
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
});

test("a submission refreshes the lifetime of the sets that it adds to", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  const sets = (await redis.client.keys("index:*")).sort();
  expect(sets).toHaveLength(5);
  for (const set of sets) await redis.client.expire(set, 60);
  // The same process sets it anew once in a thousandth of the lifetime.
  await openStore(redis).store.submit(alice, {});
  for (const set of sets) expect(await redis.client.ttl(set)).toBeGreaterThan(7_000_000);
});

test("a queued task knows its place among all entries that the work stream ever had", async () => {
  const { store, context } = openStore(redis);
  const first = await store.submit(alice, {});
  await change(context, first, { enqueue: true });
  await store.register(alice, {});
  const second = await store.submit(alice, {});
  expect(await redis.client.hget(keys.sidecar(second), "place")).toBe("3");
  expect(await redis.client.get(keys.added)).toBe("3");
  expect(await redis.client.xlen(keys.work)).toBe(3);
});

test("a registered task is stored like any other, but is not enqueued", async () => {
  const { store } = openStore(redis);
  const id = await store.register(alice, { src: "/a" });
  expect(readable(await store.get(id, alice))).toMatchObject({ status: "pending", parameters: { src: "/a" } });
  expect(await redis.client.hget(keys.sidecar(id), "phase")).toBe("external");
  expect(await redis.client.exists(keys.work)).toBe(0);
  expect(await redis.client.zcard(keys.ordered(keys.tasks))).toBe(1);
});

test("ids go on from a sequence that other programs have counted up", async () => {
  await redis.client.set(keys.sequence, "9007199254740990");
  const { store } = openStore(redis);
  expect(await store.submit(alice, {})).toBe("9007199254740991");
  expect(readable(await store.get("9007199254740991")).task_id).toBe("9007199254740991");
});

test.each<[string, Owner]>([
  ["a service whose index would be another's", { service: "a:users", user: "alice" }],
  ["no service", { service: "", user: "alice" }],
  ["a user with a control character", { service: "sync", user: "al\nice" }],
])("a task of %s is not registered", async (_, owner) => {
  const { store } = openStore(redis);
  await expect(store.register(owner, {})).rejects.toMatchObject({ name: "TaskStateError", code: "invalid_owner" });
  expect(await contents(redis.client)).toEqual({});
});
