import { expect, test } from "vitest";
import { keys, trimAcknowledged } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, foreignRecord, piecesOf, saveAsScheduler, tracesOf, workIds } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
/** What is kept for a while of a deleted task, so that a late writer cannot bring it back. */
const memory = [keys.deleted, keys.deletedOwners];

/** Fails when any reader still sees the task. */
async function expectInvisible(id: string): Promise<void> {
  const { store } = bench;
  expect(await store.get(id, alice)).toBeUndefined();
  expect(await store.cancel(id, alice)).toBeUndefined();
  expect(await store.delete(id, alice)).toBeUndefined();
  for (const scope of [{}, { service: "sync" }, alice]) {
    expect((await store.page(scope, { limit: 10, order: "desc" })).tasks).toEqual([]);
    expect((await piecesOf(store.all(scope))).flat()).toEqual([]);
  }
  expect(await store.users("sync")).toEqual([]);
}

/** A task whose cancellation is under way because it was deleted while it ran. */
async function deletedWhileRunning(environment = {}) {
  const { promise, resolve: answer } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? 202 : promise));
  const id = await bench.submit();
  await bench.start(environment);
  await bench.untilStatus("running", id);
  await bench.store.delete(id, alice);
  await until(() => bench.scheduler.ids("cancel").length === 1);
  return { id, answer };
}

async function untilGone(id: string): Promise<void> {
  await bench.until(async () => (await bench.redis.client.exists(keys.sidecar(id))) === 0);
  await bench.untilIdle();
  expect(await tracesOf(bench.redis.client, id)).toEqual(memory);
  await trimAcknowledged(bench.redis.client);
  expect(await workIds(bench.redis.client)).toEqual([]);
}

test("a running task is invisible at once, and its record stays until the cancellation is confirmed", async () => {
  const { id, answer } = await deletedWhileRunning();
  await expectInvisible(id);
  expect(await bench.record(id)).toMatchObject({ task_id: id, status: "running" });
  answer(202);
  await untilGone(id);
  await expectInvisible(id);
});

test("it stays invisible while the scheduler rewrites the record and its indexes", async () => {
  const { id, answer } = await deletedWhileRunning();
  await saveAsScheduler(bench.redis.client, id, { status: "running" });
  await expectInvisible(id);
  answer(404);
  await untilGone(id);
  await expectInvisible(id);
});

test("what a late writer puts back once is removed by a dispatcher's upkeep", async () => {
  const { id, answer } = await deletedWhileRunning();
  answer(202);
  await untilGone(id);
  await saveAsScheduler(bench.redis.client, id, { status: "cancelled" });
  await expectInvisible(id);
  await bench.start();
  await until(async () => (await tracesOf(bench.redis.client, id)).length === memory.length);
  expect(await tracesOf(bench.redis.client, id)).toEqual(memory);
});

test.each(["completed", "failed", "cancelled"] as const)(
  "a task that is %s before its cancellation is confirmed is removed",
  async (status) => {
    const { id, answer } = await deletedWhileRunning();
    await bench.redis.client.set(keys.record(id), foreignRecord(id, { status }));
    answer(500);
    await untilGone(id);
    expect(bench.scheduler.ids("cancel")).toEqual([id]);
  },
);

test("5xx is no confirmation: the cancellation is sent again before anything is removed", async () => {
  const { id, answer } = await deletedWhileRunning();
  let seen: string | null = null;
  bench.scheduler.answer(async () => {
    seen = await bench.redis.client.get(keys.record(id));
    return 202;
  });
  answer(500);
  await untilGone(id);
  expect(seen).toContain(`"task_id":"${id}"`);
});

test.each<[string, SchedulerReply, number]>([
  ["taken", 202, 1],
  ["rejected", 429, 0],
  ["of unknown fate", 504, 1],
])("a task that is deleted during its submission, which is then %s, leaves nothing", async (_, reply, cancels) => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const id = await bench.submit();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  await bench.store.delete(id);
  await expectInvisible(id);
  resolve(reply);
  await untilGone(id);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
  expect(bench.scheduler.ids("cancel")).toHaveLength(cancels);
});

test("a task that was never submitted is removed at once, without the scheduler", async () => {
  const id = await bench.submit();
  await bench.store.delete(id);
  await bench.start();
  await bench.untilIdle();
  expect(await tracesOf(bench.redis.client, id)).toEqual(memory);
  expect(bench.scheduler.requests).toEqual([]);
});

test("a task whose cancellation is a dead letter and which then ends by itself is removed", async () => {
  const { id, answer } = await deletedWhileRunning({ DMS_DISPATCH_MAX_ATTEMPTS: "1" });
  answer(500);
  await bench.until(async () => (await bench.redis.client.zcard(keys.dead)) === 1);
  await bench.redis.client.set(keys.record(id), foreignRecord(id, { status: "completed" }));
  // Starts with an upkeep.
  await bench.start();
  await bench.store.repair();
  await untilGone(id);
});
