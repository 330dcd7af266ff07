import { expect, onTestFinished, test, vi } from "vitest";
import { keys, readDispatchState } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, bob, tracesOf } from "../task-state/support.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
/** Seconds, with a margin for a busy machine. */
const promised = { timeoutMs: 10_000 };

const blocks = [
  ["blocks:all", keys.blocksAll, { blocked: true }, "all requests are blocked"],
  ["blocks:user", keys.blocksUser("alice"), { blocked: true }, "requests of alice are blocked"],
  [
    "blocked_users",
    keys.blocksAll,
    { blocked: false, blocked_users: ["zoe", "alice"] },
    "requests of alice are blocked",
  ],
] as const;

test.each(blocks)("%s in Redis: not even one request is sent until it ends", async (_, key, block, reason) => {
  await bench.redis.client.set(key, JSON.stringify(block));
  const ids = [await bench.submit(), await bench.submit(), await bench.submit()];
  await bench.start({ DMS_DISPATCH_MAX_ATTEMPTS: "1" });
  for (const id of ids) await bench.untilHeld(id);
  await bench.untilIdle();
  expect(bench.scheduler.requests).toEqual([]);
  for (const id of ids) {
    expect(await bench.sidecar(id)).toMatchObject({ hold: reason, attempts: 0 });
    expect(await bench.record(id)).toMatchObject({ status: "pending", logs: [] });
  }
  expect((await readDispatchState(bench.redis.client)).held).toBe(3);
  await bench.redis.client.set(key, JSON.stringify({ blocked: false, blocked_users: [] }));
  for (const id of ids) await until(async () => (await bench.record(id)).status === "running", promised);
  expect(bench.scheduler.ids("submit")).toEqual(ids);
  expect((await readDispatchState(bench.redis.client)).held).toBe(0);
});

test.each(blocks.slice(1))("%s: a user who is not blocked is not delayed", async (_, key, block) => {
  await bench.redis.client.set(key, JSON.stringify(block));
  const held = await Promise.all(Array.from({ length: 200 }, () => bench.submit(alice)));
  await bench.start({ DMS_EVENT_WORKER_COUNT: "1" });
  await bench.untilHeld(held[199] ?? "");
  const other = await bench.submit(bob);
  await bench.untilStatus("running", other);
  expect(bench.scheduler.ids("submit")).toEqual([other]);
});

test("403 Requests are blocked: the task waits without counting attempts, and goes on when the block ends", async () => {
  bench.scheduler.answer(() => ({ status: 403, detail: "Requests are blocked" }));
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_MAX_ATTEMPTS: "1" });
  await until(() => bench.scheduler.requests.length === 3);
  await bench.untilHeld(id);
  expect(await bench.sidecar(id)).toMatchObject({ hold: "Requests are blocked", attempts: 0, phase: "queued" });
  expect(await bench.record(id)).toMatchObject({ status: "pending" });
  expect(await bench.messages(id)).toEqual(["Dispatching to scheduler"]);
  bench.scheduler.answer(() => 202);
  await until(async () => (await bench.record(id)).status === "running", promised);
  expect(await bench.sidecar(id)).not.toHaveProperty("hold");
});

test("403 Requests are blocked: one task at a time tries whether the block has ended, and then all go on", async () => {
  bench.scheduler.answer(({ user }) => (user === "alice" ? { status: 403, detail: "Requests are blocked" } : 202));
  const ids = await Promise.all(Array.from({ length: 6 }, () => bench.submit()));
  await bench.start();
  for (const id of ids) await bench.untilHeld(id);
  await bench.untilIdle();
  const tried = bench.scheduler.requests.length;
  await until(() => bench.scheduler.requests.length === tried + 2);
  const [first = 0, second = 0] = bench.scheduler.requests.slice(tried).map(({ at }) => at);
  expect(second - first).toBeGreaterThan(250);
  await bench.untilStatus("running", await bench.submit(bob));
  bench.scheduler.answer(() => 202);
  for (const id of ids) await until(async () => (await bench.record(id)).status === "running", promised);
});

test("a held task is cancelled at once, and the scheduler gets no request", async () => {
  await bench.redis.client.set(keys.blocksAll, '{"blocked":true}');
  const id = await bench.submit();
  await bench.start();
  await bench.untilHeld(id);
  expect(await bench.store.cancel(id)).toContain('"status":"cancelled"');
  await bench.redis.client.del(keys.blocksAll);
  await bench.untilStatus("running", await bench.submit(bob));
  expect(bench.scheduler.requests.map(({ user }) => user)).toEqual(["bob"]);
  await until(async () => (await readDispatchState(bench.redis.client)).held === 0);
});

test("a held task that is deleted leaves nothing behind", async () => {
  await bench.redis.client.set(keys.blocksAll, '{"blocked":true}');
  const id = await bench.submit();
  await bench.start();
  await bench.untilHeld(id);
  await bench.store.delete(id);
  await bench.redis.client.del(keys.blocksAll);
  await until(async () => (await bench.redis.client.exists(keys.parkedUsers, keys.parkedPace)) === 0);
  expect(await tracesOf(bench.redis.client, id)).toEqual([keys.deleted, keys.deletedOwners]);
  expect(bench.scheduler.requests).toEqual([]);
});

test("a block does not hold cancellations", async () => {
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  await bench.redis.client.set(keys.blocksAll, '{"blocked":true}');
  await bench.store.cancel(id);
  await bench.untilStatus("cancelled", id);
  expect(bench.scheduler.ids("cancel")).toEqual([id]);
});

test.each([-1, 1])(
  "a dispatcher whose clock is wrong by %i h lets held tasks go on as soon as others",
  async (hours) => {
    const { now } = Date;
    vi.spyOn(Date, "now").mockImplementation(() => now() + hours * 3_600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    await bench.redis.client.set(keys.blocksAll, '{"blocked":true}');
    const id = await bench.submit();
    await bench.start();
    await bench.untilHeld(id);
    await bench.redis.client.del(keys.blocksAll);
    await until(async () => (await bench.record(id)).status === "running", promised);
    const other = await bench.submit();
    await bench.untilStatus("running", other);
  },
);
