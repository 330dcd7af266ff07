import { expect, test } from "vitest";
import { keys, readDeadLetters, restoreReadable, trimAcknowledged } from "../../task-state/index.ts";
import { type Spoiler, spoilers } from "../support/spoilt.ts";
import { until } from "../support/until.ts";
import { alice, change, tracesOf } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { startDispatcher, useDispatcher } from "./support.ts";

const bench = useDispatcher();
const cases = spoilers.map((spoiler): [string, Spoiler] => [spoiler.name, spoiler]);
const letters = async () => (await readDeadLetters(bench.redis.client, 100)).letters;

/** Keeps what a task is, to be put back. */
async function keep(id: string): Promise<() => Promise<unknown>> {
  const raw = (await bench.redis.client.get(keys.record(id))) ?? "";
  const sidecar = await bench.redis.client.hgetall(keys.sidecar(id));
  return () =>
    bench.redis.client.multi().del(keys.sidecar(id)).hset(keys.sidecar(id), sidecar).set(keys.record(id), raw).exec();
}

/** Re-checks now what was quarantined, as a dispatcher does after a while. */
async function recheck(...ids: string[]): Promise<number> {
  for (const id of ids) await bench.redis.client.zadd(keys.unreadable, "XX", 0, id);
  return restoreReadable(bench.context);
}

/** A task whose record is spoilt while the scheduler has its submission: id, record before, and what answers the scheduler. */
async function spoiltUnderWay() {
  const { promise, resolve: answer } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const id = await bench.submit();
  await bench.start();
  await bench.until(() => bench.scheduler.ids("submit").length === 1);
  const raw = (await bench.redis.client.get(keys.record(id))) ?? "";
  await bench.redis.client.set(keys.record(id), "{");
  return { id, raw, answer };
}

async function untilTrimmed(): Promise<void> {
  await bench.untilIdle();
  await trimAcknowledged(bench.redis.client);
  expect(await bench.redis.client.xlen(keys.work)).toBe(0);
}

test.each(cases)(
  "%s is quarantined, holds nothing up, and goes on once it can be read",
  async (_, { spoil, reason }) => {
    const first = await bench.submit();
    const broken = await bench.submit(alice, { src: "/spoilt" });
    const last = await bench.submit();
    const repair = await keep(broken);
    await spoil(bench.redis.client, broken);
    await bench.start();
    await bench.untilStatus("running", first, last);
    await untilTrimmed();
    expect(bench.scheduler.ids("submit").toSorted()).toEqual([first, last].toSorted());
    expect(await letters()).toMatchObject([
      { task_id: broken, service: "sync", user_id: "alice", request: "read", error: expect.stringMatching(reason) },
    ]);
    expect(await recheck(broken)).toBe(0);
    expect(await letters()).toHaveLength(1);
    await repair();
    expect(await recheck(broken)).toBe(1);
    await bench.untilStatus("running", broken);
    await untilTrimmed();
    expect(await letters()).toEqual([]);
    expect(await bench.redis.client.exists(keys.unreadable)).toBe(0);
    expect(bench.scheduler.requests.at(-1)?.body).toEqual({
      task_id: broken,
      service: "sync",
      user_id: "alice",
      parameters: { src: "/spoilt" },
    });
    expect(bench.scheduler.requests).toHaveLength(3);
  },
);

test("a dispatcher re-checks by itself", { timeout: 30_000 }, async () => {
  const id = await bench.submit();
  const repair = await keep(id);
  await bench.redis.client.set(keys.record(id), "{");
  await bench.start();
  await bench.until(async () => (await letters()).length === 1);
  await repair();
  await bench.redis.client.zadd(keys.unreadable, "XX", 0, id);
  await until(async () => (await bench.record(id)).status === "running", { timeoutMs: 20_000 });
  expect(await letters()).toEqual([]);
});

test("the reason of a letter is the one of the latest check, and a task that is gone loses its letter", async () => {
  const id = await bench.submit();
  await bench.redis.client.set(keys.record(id), "{");
  await bench.start();
  await bench.until(async () => (await letters()).length === 1);
  await bench.redis.client.set(keys.record(id), "[]");
  await recheck(id);
  expect(await letters()).toMatchObject([{ error: "the record is not a JSON object" }]);
  await bench.redis.client.del(keys.record(id), keys.metadata(id), keys.sidecar(id));
  expect(await recheck(id)).toBe(1);
  expect(await letters()).toEqual([]);
});

test.each(cases.filter(([, { readable }]) => !readable))(
  "the acceptance of a task is kept that becomes %s under way, and it is not sent again",
  async (_, { spoil }) => {
    const { promise, resolve: answer } = Promise.withResolvers<SchedulerReply>();
    bench.scheduler.answer(() => promise);
    await bench.submit();
    const id = await bench.submit();
    await bench.start();
    await bench.until(() => bench.scheduler.ids("submit").length === 2);
    const raw = (await bench.redis.client.get(keys.record(id))) ?? "";
    await spoil(bench.redis.client, id);
    answer(202);
    await bench.untilIdle();
    expect(await bench.sidecar(id)).toMatchObject({ phase: "sent" });
    await bench.redis.client.set(keys.record(id), raw);
    await recheck(id);
    await bench.untilStatus("running", id);
    expect(await bench.messages(id)).toEqual(["Dispatching to scheduler", "Scheduler acknowledged submission"]);
    await untilTrimmed();
    expect(bench.scheduler.ids("submit")).toHaveLength(2);
    expect(await letters()).toEqual([]);
  },
);

test("a task that its scheduler moved on while it could not be read keeps what the scheduler wrote", async () => {
  const { id, raw, answer } = await spoiltUnderWay();
  answer(202);
  await bench.untilIdle();
  const written = raw.replace('"status":"dispatching"', '"status":"running"');
  expect(written).not.toBe(raw);
  await bench.redis.client.set(keys.record(id), written);
  expect(await recheck(id)).toBe(1);
  await untilTrimmed();
  expect(await bench.redis.client.get(keys.record(id))).toBe(written);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test("a refusal is kept as well: the task can be judged once it can be read", async () => {
  const { id, raw, answer } = await spoiltUnderWay();
  answer({ status: 422, detail: "no" });
  await bench.untilIdle();
  await bench.redis.client.set(keys.record(id), raw);
  await recheck(id);
  await bench.untilStatus("failed", id);
});

test.each(["sent", "foreign", "doubtful"] as const)(
  "an operator deletes an unreadable task that is %s: it is cancelled first, and then nothing is left of it",
  async (phase) => {
    const id = await bench.submit();
    await bench.redis.client.del(keys.work);
    await change(bench.context, id, {
      record: { status: "running", active_jobs: ["sync-1"] },
      sidecar: phase === "doubtful" ? { doubtful: 1 } : { phase },
    });
    const raw = (await bench.redis.client.get(keys.record(id))) ?? "";
    await bench.redis.client.set(keys.record(id), raw.replace(/"logs":\[[^\]]*\]/, '"logs":null'));
    let seen: unknown;
    bench.scheduler.answer(async () => {
      seen = await bench.record(id);
      return 202;
    });
    expect(await bench.store.delete(id)).toContain('"task_id"');
    expect(await bench.store.get(id)).toBeUndefined();
    await bench.start();
    await bench.until(async () => (await bench.redis.client.exists(keys.record(id))) === 0);
    await untilTrimmed();
    expect(bench.scheduler.requests.map(({ kind, body }) => [kind, body])).toEqual([
      ["cancel", { task_id: id, service: "sync", user_id: "alice" }],
    ]);
    expect(seen).toMatchObject({ status: "running", active_jobs: ["sync-1"] });
    expect(await tracesOf(bench.redis.client, id)).toEqual([keys.deleted, keys.deletedOwners]);
  },
);

test("an operator deletes an unreadable task while it is being sent: the cancel follows the submission", async () => {
  const { promise, resolve: answer } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const id = await bench.submit();
  await bench.start();
  await bench.until(() => bench.scheduler.ids("submit").length === 1);
  await bench.redis.client.multi().del(keys.record(id)).sadd(keys.record(id), "x").exec();
  await bench.store.delete(id);
  expect(bench.scheduler.ids("cancel")).toEqual([]);
  answer(202);
  await bench.until(async () => (await bench.redis.client.exists(keys.sidecar(id))) === 0);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
  expect(bench.scheduler.ids("cancel")).toEqual([id]);
  await untilTrimmed();
});

test("a deletion that an unreadable record has stopped goes on when an operator deletes again", async () => {
  bench.scheduler.answer(() => 202);
  const id = await bench.submit();
  await bench.redis.client.del(keys.work);
  await change(bench.context, id, { record: { status: "running" }, sidecar: { phase: "sent" } });
  await bench.store.delete(id, alice);
  await bench.redis.client.set(keys.record(id), "{");
  await bench.start();
  await bench.until(async () => (await letters()).length === 1);
  await untilTrimmed();
  expect(bench.scheduler.requests).toEqual([]);
  await bench.store.delete(id);
  await bench.until(async () => (await bench.redis.client.exists(keys.record(id), keys.sidecar(id))) === 0);
  expect(bench.scheduler.ids("cancel")).toEqual([id]);
  expect(await letters()).toEqual([]);
});

test("a task that cannot be changed is quarantined, too, and goes on once it can be", async () => {
  const parked = keys.parked("alice");
  await bench.redis.client.set(parked, "not a sorted set");
  await bench.redis.client.set(keys.blocksUser("alice"), '{"blocked":true}');
  const id = await bench.submit();
  // Not started by the bench, which tolerates no fault of a dispatcher.
  const dispatcher = await startDispatcher({
    DMS_REDIS_WRITE_URL: bench.redis.url,
    DMS_SCHEDULER_BASE_URL: bench.scheduler.url,
  });
  try {
    await bench.until(async () => (await letters()).length === 1);
    await untilTrimmed();
    expect(await letters()).toMatchObject([{ task_id: id, error: expect.stringContaining("WRONGTYPE") }]);
    expect(await bench.sidecar(id)).not.toHaveProperty("lease");
    await bench.redis.client.del(parked, keys.blocksUser("alice"));
    expect(await recheck(id)).toBe(1);
    await bench.untilStatus("running", id);
    expect(await letters()).toEqual([]);
  } finally {
    await dispatcher.stop();
  }
});

test("an entry with several fields, or whose task is not ours, is acknowledged", async () => {
  const id = await bench.submit();
  await bench.redis.client.xadd(keys.work, "*", "id", id, "more", "x");
  await bench.redis.client.xadd(keys.work, "*", "more", "x", "id", id);
  await bench.redis.client.set(keys.record("77"), "{");
  await bench.redis.client.xadd(keys.work, "*", "id", "77");
  await bench.start();
  await bench.untilStatus("running", id);
  await untilTrimmed();
  expect(bench.scheduler.ids("submit")).toEqual([id]);
  expect(await letters()).toMatchObject([{ request: "read", error: "The entry names no task" }]);
});
