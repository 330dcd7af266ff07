import { expect, test } from "vitest";
import { readDispatchState } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
const state = () => readDispatchState(bench.redis.client);

test("dispatchers are seen under their names though they have never got any work", async () => {
  const started = [await bench.start(), await bench.start()];
  await until(async () => (await state()).dispatchers.length === 2);
  const names = started.map(({ logs }) => logs.find(({ msg }) => msg === "dispatcher is running")?.dispatcher);
  expect((await state()).dispatchers.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  await started[0]?.stop();
  expect((await state()).dispatchers.map(({ name }) => name)).toEqual([names[1]]);
});

test("the state follows the tasks from waiting by in flight and delayed to nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  for (let count = 0; count < 5; count += 1) await bench.submit();
  expect(await state()).toMatchObject({ waiting: 5, in_flight: 0 });
  await bench.start({ DMS_EVENT_WORKER_COUNT: "2" });
  await until(() => bench.scheduler.requests.length === 2);
  expect(await state()).toMatchObject({ waiting: 3, in_flight: 2, dispatchers: [{ in_flight: 2 }] });
  resolve({ status: 429, headers: { "retry-after": "600" } });
  await until(async () => (await state()).delayed === 5);
  expect(await state()).toMatchObject({ waiting: 0, in_flight: 0, held: 0, dead: 0, oldest_waiting_seconds: 0 });
});
