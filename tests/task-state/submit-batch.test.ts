import { expect, test } from "vitest";
import { isUnavailable, keys, type Owner } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, commandsDuring, contents, openStore, readable, workIds } from "./support.ts";

const redis = useRedis();

test("submissions of one turn share a command, eight at most", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  const commands = await commandsDuring(redis, () =>
    Promise.all(Array.from({ length: 20 }, () => store.submit(alice, {}))),
  );
  expect(commands.map(([name]) => name)).toEqual(["evalsha", "evalsha", "evalsha"]);
});

test("tasks that are stored together are as if each had been stored alone", async () => {
  const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const other: Owner = { service: "copy", user: "alice" };
  const steps = [
    () => store.submit(alice, { n: "1" }),
    () => store.submit(bob, { n: "2" }, { trace }),
    () => store.register(alice, { n: "3" }),
    () => store.submit(other, { n: "4" }),
    () => store.submit(alice, { n: "5" }),
  ];
  const { store } = openStore(redis);
  const ids = await Promise.all(steps.map((step) => step()));
  expect(ids).toEqual(["1", "2", "3", "4", "5"]);
  const together = await comparable();
  await redis.client.flushall();
  for (const step of steps) await step();
  expect(together).toEqual(await comparable());
  expect(together).toMatchObject({
    [keys.sidecar("2")]: { trace, place: "2" },
    [keys.sidecar("3")]: { phase: "external" },
    [keys.user("alice")]: ["1", "3", "4", "5"],
  });

  /** All that Redis holds, but for the times. */
  async function comparable() {
    const held = await contents(redis.client);
    for (const id of ids) {
      held[keys.record(id)] = { ...readable(await store.get(id)), created_at: "", updated_at: "" };
      held[keys.sidecar(id)] = { ...(await redis.client.hgetall(keys.sidecar(id))), since: "" };
    }
    return { ...held, [keys.work]: await workIds(redis.client) };
  }
});

test("an owner's key of another type fails the owner's submissions alone, and takes no id", async () => {
  const { store } = openStore(redis);
  await redis.client.rpush(keys.user("bob"), "of another type");
  const outcomes = await Promise.allSettled([
    store.submit(bob, {}),
    store.submit(alice, {}),
    store.submit(bob, {}),
    store.submit(alice, {}),
  ]);
  const fault = { status: "rejected", reason: { message: expect.stringMatching(/^WRONGTYPE/) } };
  expect(outcomes).toMatchObject([
    fault,
    { status: "fulfilled", value: "1" },
    fault,
    { status: "fulfilled", value: "2" },
  ]);
  expect(await workIds(redis.client)).toEqual(["1", "2"]);
  expect(await redis.client.exists(keys.owner(bob), keys.users("sync"))).toBe(1);
  expect(await redis.client.smembers(keys.users("sync"))).toEqual(["alice"]);
});

test("what is stored under a number of another program's stays as it is, and the new tasks have the next ones", async () => {
  const { store } = openStore(redis);
  await redis.client.rpush(keys.metadata("1"), "of another type");
  await redis.client.hset(keys.sidecar("2"), { phase: "sent", lease: "somebody" });
  await redis.client.rpush(keys.record("2"), "of another type");
  expect(await Promise.all([store.submit(alice, {}), store.submit(bob, {})])).toEqual(["3", "4"]);
  expect(await redis.client.lrange(keys.metadata("1"), 0, -1)).toEqual(["of another type"]);
  expect(await redis.client.hgetall(keys.sidecar("2"))).toEqual({ phase: "sent", lease: "somebody" });
  expect(await redis.client.hgetall(keys.sidecar("4"))).toEqual({
    service: "sync",
    user: "bob",
    phase: "queued",
    rev: "1",
    place: "2",
    since: expect.any(String),
  });
  expect(readable(await store.get("4"))).toMatchObject({ user_id: "bob" });
});

test("a Redis that takes no writes refuses all that are stored together, and is available again", async () => {
  const { store } = openStore(redis);
  await redis.client.config("SET", "maxmemory", "1");
  try {
    const outcomes = await Promise.allSettled([store.submit(alice, {}), store.submit(bob, {})]);
    expect(outcomes.map((outcome) => outcome.status === "rejected" && isUnavailable(outcome.reason))).toEqual([
      true,
      true,
    ]);
  } finally {
    await redis.client.config("SET", "maxmemory", "0");
  }
  expect(await Promise.all([store.submit(alice, {}), store.submit(bob, {})])).toEqual(["1", "2"]);
});
