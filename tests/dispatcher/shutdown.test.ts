import { expect, test } from "vitest";
import { keys, readDispatchState } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
/** Longest wait for a stop, in ms: far less than what each of these would wait for otherwise, with a margin for a busy machine. */
const longestStop = 6000;

const submit = (count: number) => Promise.all(Array.from({ length: count }, () => bench.submit()));

test("a dispatcher without work stops at once", async () => {
  const dispatcher = await bench.start();
  await until(async () => String(await bench.redis.client.call("CLIENT", "LIST")).includes("flags=b"));
  await bench.redis.client.config("RESETSTAT");
  expect(await dispatcher.stop()).toBe(0);
  // It has not waited for the end of its read.
  expect(await bench.redis.client.info("commandstats")).toContain("cmdstat_client|unblock:calls=1,");
  expect(dispatcher.logs.map(({ msg }) => msg)).toEqual(["dispatcher is running", "dispatcher stopped"]);
});

test("what is in flight is finished, and nothing more is taken", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const ids = await submit(6);
  const dispatcher = await bench.start({ DMS_EVENT_WORKER_COUNT: "2", DMS_SHUTDOWN_GRACE_SECONDS: "5" });
  await until(() => bench.scheduler.requests.length === 2);
  const stopped = dispatcher.stop();
  resolve(202);
  expect(await stopped).toBe(2);
  for (const id of ids.slice(0, 2)) expect(await bench.record(id)).toMatchObject({ status: "running" });
  for (const id of ids.slice(2)) expect(await bench.record(id)).toMatchObject({ status: "pending", logs: [] });
  expect(await readDispatchState(bench.redis.client)).toMatchObject({ waiting: 4, in_flight: 0 });
  expect(bench.scheduler.requests).toHaveLength(2);
});

test("what was taken but not begun is handed back at once, for another dispatcher to take", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const ids = await submit(4);
  const limit = { DMS_DISPATCH_MAX_IN_FLIGHT: "1", DMS_SHUTDOWN_GRACE_SECONDS: "5" };
  const dispatcher = await bench.start(limit);
  await until(async () => (await readDispatchState(bench.redis.client)).in_flight === 4);
  await until(() => bench.scheduler.requests.length === 1);
  dispatcher.abort();
  await until(async () => (await readDispatchState(bench.redis.client)).in_flight === 1);
  expect(bench.scheduler.requests).toHaveLength(1);
  const sent = bench.scheduler.ids("submit")[0] ?? "";
  for (const id of ids) {
    if (id !== sent) expect(await bench.sidecar(id)).not.toHaveProperty("lease");
  }
  resolve(202);
  await dispatcher.stop();
  await bench.start(limit);
  await bench.untilStatus("running", ...ids);
  expect(bench.scheduler.ids("submit").toSorted()).toEqual(ids);
});

test("a cancellation that comes next when the stop begins is left to the next dispatcher", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const id = await bench.submit();
  const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "5" });
  await until(() => bench.scheduler.requests.length === 1);
  await bench.store.cancel(id);
  dispatcher.abort();
  resolve(202);
  await dispatcher.stop();
  expect(bench.scheduler.ids("cancel")).toEqual([]);
  expect(await readDispatchState(bench.redis.client)).toMatchObject({ waiting: 1, in_flight: 0 });
  await bench.start();
  await bench.untilStatus("cancelled", id);
});

test("a request that hangs is aborted when the grace is over, and its fate is judged by the next dispatcher", async () => {
  bench.scheduler.answer(() => "hang");
  const id = await bench.submit();
  const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "0.3", DMS_REQUEST_TIMEOUT_SECONDS: "30" });
  await until(() => bench.scheduler.requests.length === 1);
  const from = performance.now();
  await dispatcher.stop();
  expect(performance.now() - from).toBeGreaterThanOrEqual(299);
  expect(performance.now() - from).toBeLessThan(longestStop);
  expect(await bench.sidecar(id)).toMatchObject({ phase: "sending", error: "AbortError" });
  expect(await bench.sidecar(id)).not.toHaveProperty("lease");
  expect(await bench.redis.client.zscore(keys.due, id)).not.toBeNull();
  bench.scheduler.answer(() => 202);
  await bench.start();
  await bench.untilStatus("running", id);
  expect(bench.scheduler.ids("submit")).toEqual([id, id]);
});

test("a stop without a grace aborts requests at once", async () => {
  bench.scheduler.answer(() => "hang");
  await bench.submit();
  const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "0", DMS_REQUEST_TIMEOUT_SECONDS: "30" });
  await until(() => bench.scheduler.requests.length === 1);
  const from = performance.now();
  await dispatcher.stop();
  expect(performance.now() - from).toBeLessThan(longestStop);
});

test("a dispatcher stops within its time while the scheduler is unavailable", async () => {
  bench.scheduler.answer(() => 503);
  await submit(20);
  const dispatcher = await bench.start({
    DMS_DISPATCH_MIN_BACKOFF_SECONDS: "30",
    DMS_DISPATCH_MAX_BACKOFF_SECONDS: "30",
  });
  await until(() => bench.scheduler.requests.length >= 3);
  const from = performance.now();
  await dispatcher.stop();
  expect(performance.now() - from).toBeLessThan(longestStop);
  expect((await readDispatchState(bench.redis.client)).in_flight).toBe(0);
});
