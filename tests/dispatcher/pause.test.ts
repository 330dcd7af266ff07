import { expect, test } from "vitest";
import { pauseDispatch, readDispatchState, resumeDispatch } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { bob } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test("a pause holds across all dispatchers and restarts, until it is resumed", async () => {
  await pauseDispatch(bench.redis.client);
  const ids = [await bench.submit(), await bench.submit(bob), await bench.submit()];
  const first = await bench.start();
  await bench.start();
  for (const id of ids) await bench.untilHeld(id);
  await first.stop();
  await bench.start();
  const late = await bench.submit();
  await bench.untilHeld(late);
  expect(await bench.sidecar(late)).toMatchObject({ hold: "dispatch is paused", attempts: 0 });
  expect(await readDispatchState(bench.redis.client)).toMatchObject({ state: "paused", held: 4 });
  expect(bench.scheduler.requests).toEqual([]);
  await resumeDispatch(bench.redis.client);
  await bench.untilStatus("running", ...ids, late);
  expect(await readDispatchState(bench.redis.client)).toMatchObject({ state: "running", held: 0 });
});

test("cancellations and deletions go on during a pause", async () => {
  const [running, deleted] = [await bench.submit(), await bench.submit()];
  await bench.start();
  await bench.untilStatus("running", running, deleted);
  await pauseDispatch(bench.redis.client);
  const held = await bench.submit();
  await bench.untilHeld(held);
  await bench.store.cancel(running);
  await bench.store.delete(deleted);
  await bench.untilStatus("cancelled", running);
  await until(() => bench.scheduler.ids("cancel").length === 2);
  await bench.store.cancel(held);
  expect(await bench.record(held)).toMatchObject({ status: "cancelled" });
  expect(bench.scheduler.ids("submit")).toEqual([running, deleted]);
});

test("what is under way when the pause begins is finished", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const id = await bench.submit();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  await pauseDispatch(bench.redis.client);
  resolve(202);
  await bench.untilStatus("running", id);
});

test("a task that waits for its permit under a limit when the pause begins is not sent", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const ids = [await bench.submit(), await bench.submit(bob)];
  await bench.start({ DMS_DISPATCH_MAX_IN_FLIGHT: "1" });
  await until(() => bench.scheduler.requests.length === 1);
  await until(async () => (await bench.sidecar(ids[1] ?? "")).lease !== undefined);
  await pauseDispatch(bench.redis.client);
  resolve(202);
  await until(
    async () => bench.scheduler.requests.length > 1 || (await bench.sidecar(ids[1] ?? "")).hold !== undefined,
  );
  expect(bench.scheduler.ids("submit")).toEqual([ids[0]]);
});

test("a retry that becomes due during a pause is held", async () => {
  bench.scheduler.answer(async () => {
    await pauseDispatch(bench.redis.client);
    return 429;
  });
  const id = await bench.submit();
  await bench.start();
  await bench.untilHeld(id);
  expect(bench.scheduler.requests).toHaveLength(1);
  bench.scheduler.answer(() => 202);
  await resumeDispatch(bench.redis.client);
  await bench.untilStatus("running", id);
});
