import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { createStreamTasks } from "../../task-state/queue/stream-tasks.ts";
import { useRedis } from "../support/redis.ts";
import { alice, openStore } from "./support.ts";

const redis = useRedis();

test("the tasks of a stream are read in pieces, then only those that were added", async () => {
  const { store } = openStore(redis);
  const submit = (count: number) => Promise.all(Array.from({ length: count }, () => store.submit(alice, {})));
  const stream = createStreamTasks(redis.client);
  expect(await stream.readOn()).toBe(true);
  const ids = await submit(2500);
  expect(ids.some((id) => stream.has(id))).toBe(false);
  expect(await stream.readOn()).toBe(true);
  expect(ids.every((id) => stream.has(id))).toBe(true);
  await redis.client.del(keys.work);
  const [later = ""] = await submit(1);
  expect(await stream.readOn()).toBe(true);
  expect([later, ids[0] ?? ""].every((id) => stream.has(id))).toBe(true);
  expect(await createStreamTasks(redis.client).readOn(AbortSignal.abort())).toBe(false);
});

test("a stream beyond the limit is not read to its end", async () => {
  const { store } = openStore(redis);
  await Promise.all(Array.from({ length: 3000 }, () => store.submit(alice, {})));
  const stream = createStreamTasks(redis.client, 1500);
  expect(await stream.readOn()).toBe(false);
  expect(await stream.readOn()).toBe(false);
  expect(stream.has("3000")).toBe(false);
});
