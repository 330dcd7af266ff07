import { expect, test } from "vitest";
import { keys, promoteDue } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, openStore, workIds } from "./support.ts";

const redis = useRedis();

/** Puts tasks in the queue of what is due, by ms from now. */
async function schedule(offsets: Readonly<Record<string, number>>): Promise<void> {
  const now = Date.now();
  for (const [id, offset] of Object.entries(offsets)) await redis.client.zadd(keys.due, now + offset, id);
}

test("nothing due: nothing moves, and there is no next one", async () => {
  expect(await promoteDue(redis.client, 10)).toEqual({ moved: 0, nextMs: undefined });
  expect(await redis.client.exists(keys.work)).toBe(0);
});

test("what is due moves to the work stream in the order of its times, the rest stays", async () => {
  await schedule({ 1: -1000, 2: -3000, 3: 60_000, 4: -2000, 5: 90_000 });
  const { moved, nextMs } = await promoteDue(redis.client, 10);
  expect(moved).toBe(3);
  expect(await workIds(redis.client)).toEqual(["2", "4", "1"]);
  expect(await redis.client.zrange(keys.due, "0", "-1")).toEqual(["3", "5"]);
  expect(nextMs).toBeGreaterThan(55_000);
  expect(nextMs).toBeLessThanOrEqual(60_000);
});

test("at most `limit` tasks move at once, and the next ones are due at once", async () => {
  await schedule({ 1: -3, 2: -2, 3: -1 });
  expect(await promoteDue(redis.client, 2)).toEqual({ moved: 2, nextMs: 0 });
  expect(await promoteDue(redis.client, 2)).toEqual({ moved: 1, nextMs: undefined });
  expect(await workIds(redis.client)).toEqual(["1", "2", "3"]);
});

test("several dispatchers move each task once, each in one command", async () => {
  await schedule(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index + 1, index - 1000])));
  const connections = [1, 2, 3, 4].map(() => redis.connect());
  const done = await Promise.all(connections.map((connection) => promoteDue(connection, 40)));
  expect(done.reduce((sum, { moved }) => sum + moved, 0)).toBe(100);
  expect(await workIds(redis.client)).toEqual(Array.from({ length: 100 }, (_, index) => String(index + 1)));
  const commands = await commandsDuring(redis, () => promoteDue(redis.client, 10));
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
});

test("a due time of the sidecar puts the task there, with a fraction of a millisecond too", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await change(context, id, { sidecar: { dueAt: Date.now() + 60_000.5 } });
  const { moved, nextMs } = await promoteDue(redis.client, 10);
  expect(moved).toBe(0);
  expect(Number.isInteger(nextMs)).toBe(true);
  await redis.client.zadd(keys.due, 1, id);
  expect(await promoteDue(redis.client, 10)).toEqual({ moved: 1, nextMs: undefined });
  expect(await workIds(redis.client)).toEqual([id, id]);
});
