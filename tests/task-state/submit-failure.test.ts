import { expect, test } from "vitest";
import { isUnavailable, keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, contents, openStore, workIds } from "./support.ts";

const redis = useRedis();

async function limitMemory(bytes: number): Promise<void> {
  await redis.client.config("SET", "maxmemory", String(bytes), "maxmemory-policy", "noeviction");
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.client.info("memory"))?.[1]);
}

/** What the action fails with. */
async function failureOf(action: Promise<unknown>): Promise<Error> {
  const outcome = await action.catch((error: unknown) => error);
  if (!(outcome instanceof Error)) throw new Error("it did not fail");
  return outcome;
}

test("a Redis out of memory refuses a submission and holds nothing of it", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  const before = await contents(redis.client);
  await limitMemory(1);
  try {
    expect(isUnavailable(await failureOf(store.submit(alice, { src: "/a" })))).toBe(true);
  } finally {
    await limitMemory(0);
  }
  expect(await contents(redis.client)).toEqual(before);
  expect(await store.submit(alice, {})).toBe("2");
});

test("a Redis that runs full holds each accepted task whole and none of the others", async () => {
  const { store } = openStore(redis);
  await limitMemory((await usedMemory()) + 400_000);
  const accepted: string[] = [];
  try {
    const failure = await failureOf(
      (async () => {
        for (;;) accepted.push(await store.submit(alice, { src: "x".repeat(4000) }));
      })(),
    );
    expect(isUnavailable(failure)).toBe(true);
  } finally {
    await limitMemory(0);
  }
  expect(accepted.length).toBeGreaterThan(5);
  expect(await redis.client.get(keys.sequence)).toBe(String(accepted.length));
  expect(await workIds(redis.client)).toEqual(accepted);
  expect(await redis.client.exists(...accepted.flatMap((id) => [keys.record(id), keys.sidecar(id)]))).toBe(
    2 * accepted.length,
  );
  for (const set of [keys.tasks, keys.service("sync"), keys.owner(alice), keys.user("alice")]) {
    expect(await redis.client.scard(set)).toBe(accepted.length);
  }
  expect(await redis.client.zrange(keys.ordered(keys.owner(alice)), "0", "-1")).toEqual(accepted);
});

test("a Redis out of memory refuses changes and cancellations whole, but lets tasks be deleted", async () => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  const before = await contents(redis.client);
  await limitMemory(1);
  try {
    expect(isUnavailable(await failureOf(store.cancel(id)))).toBe(true);
    expect(isUnavailable(await failureOf(store.update(id, { logs: ["x"] })))).toBe(true);
    expect(await contents(redis.client)).toEqual(before);
    expect(await store.delete(id, alice)).toBeDefined();
  } finally {
    await limitMemory(0);
  }
  expect(await store.get(id)).toBeUndefined();
  expect(await redis.client.zscore(keys.deleted, id)).not.toBeNull();
});

const sets = [keys.tasks, keys.service("sync"), keys.users("sync"), keys.owner(alice), keys.user("alice")];
const ordered = [keys.tasks, keys.service("sync"), keys.users("sync"), keys.owner(alice)].map(keys.ordered);

test.each([...sets, ...ordered, keys.work, keys.added])(
  "a submission that meets %s of another type writes nothing",
  async (key) => {
    const { store } = openStore(redis);
    await redis.client.rpush(key, "of another type");
    const before = await contents(redis.client);
    const failure = await failureOf(store.submit(alice, {}));
    expect(failure.message).toMatch(/^WRONGTYPE/);
    expect(isUnavailable(failure)).toBe(false);
    expect(await contents(redis.client)).toEqual(before);
  },
);

test("a sequence that is no number refuses submissions and stays as it is", async () => {
  const { store } = openStore(redis);
  await redis.client.set(keys.sequence, "abc");
  expect(await failureOf(store.submit(alice, {}))).toMatchObject({ code: "sequence_damaged" });
  expect(await contents(redis.client)).toEqual({ [keys.sequence]: "abc" });
});

test("scripts that Redis has forgotten are sent again, and have run once", async () => {
  const { store } = openStore(redis);
  const forget = () => redis.client.script("FLUSH");
  await forget();
  expect(await Promise.all([store.submit(alice, {}), store.submit(alice, {})])).toEqual(["1", "2"]);
  await forget();
  expect(await store.update("1", { logs: ["once"] })).toMatchObject({ outcome: "updated" });
  await forget();
  expect((await store.get("1"))?.match(/,once"/g)).toHaveLength(1);
  await forget();
  expect(await store.cancel("1", alice)).toContain('"cancelled"');
  await forget();
  expect(await store.delete("2", alice)).toBeDefined();
  await forget();
  expect(await store.repair()).toMatchObject({ dropped: 0 });
  expect((await store.page({}, { limit: 10, order: "asc" })).tasks).toHaveLength(1);
});
