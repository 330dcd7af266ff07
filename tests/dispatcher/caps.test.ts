import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, bob } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

const submit = (count: number, user = "alice") =>
  Promise.all(Array.from({ length: count }, () => bench.submit({ service: "sync", user })));

/** The times of Redis, in ms, at which permits are granted from now on: a request may reach the scheduler later. */
async function permitTimes(): Promise<readonly number[]> {
  const times: number[] = [];
  const monitor = await bench.redis.connect().monitor();
  monitor.on("monitor", (time: string, [name, key]: string[], source: string) => {
    if (source === "lua" && name?.toLowerCase() === "set" && key === keys.rate) times.push(Number(time) * 1000);
  });
  return times;
}

/** An answer that comes after a few turns of the scheduler, so that requests overlap. */
const slowly = () => new Promise<SchedulerReply>((resolve) => setTimeout(resolve, 5, 202));

test("no more submissions are under way than allowed, across dispatchers", async () => {
  const ids = await submit(40);
  bench.scheduler.answer(slowly);
  const limit = { DMS_DISPATCH_MAX_IN_FLIGHT: "3", DMS_EVENT_WORKER_COUNT: "8" };
  await bench.start(limit);
  await bench.start(limit);
  await bench.untilStatus("running", ...ids);
  expect(bench.scheduler.busiest).toBe(3);
  expect(bench.scheduler.ids("submit").toSorted((a, b) => Number(a) - Number(b))).toEqual(ids);
  await bench.untilIdle();
  expect(await bench.redis.client.exists(keys.inFlight, keys.inFlightOf("alice"))).toBe(0);
});

test("no more submissions of one user are under way than allowed, across dispatchers, and others go on", async () => {
  const ids = [...(await submit(20)), ...(await submit(20, "bob"))];
  const underWay: Record<string, number> = { alice: 0, bob: 0 };
  const most: Record<string, number> = { alice: 0, bob: 0 };
  bench.scheduler.answer(async ({ user }) => {
    underWay[user] = (underWay[user] ?? 0) + 1;
    most[user] = Math.max(most[user] ?? 0, underWay[user]);
    const reply = await slowly();
    underWay[user] -= 1;
    return reply;
  });
  const limit = { DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: "2" };
  await bench.start(limit);
  await bench.start(limit);
  await bench.untilStatus("running", ...ids);
  expect(most).toEqual({ alice: 2, bob: 2 });
});

test.each([1, 2])(
  "with %i per user 300 tasks of one user delay another's by those and the one in front of it",
  async (cap) => {
    bench.scheduler.answer(slowly);
    await submit(300);
    const other = await bench.submit(bob);
    await bench.start({ DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: String(cap), DMS_EVENT_WORKER_COUNT: "2" });
    await until(() => bench.scheduler.ids("submit").includes(other));
    expect(bench.scheduler.ids("submit").indexOf(other)).toBeLessThanOrEqual(cap + 1);
  },
);

test("submissions keep to the rate, across dispatchers", async () => {
  const ids = await submit(24);
  const limit = { DMS_DISPATCH_RATE_PER_SECOND: "20" };
  const times = await permitTimes();
  await bench.start(limit);
  await bench.start(limit);
  await bench.untilStatus("running", ...ids);
  expect(bench.scheduler.ids("submit").toSorted()).toEqual(ids.toSorted());
  await until(() => times.length >= ids.length);
  expect((times[20] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(900);
  // No burst: a late request may catch up by one permit, so any six of them take a quarter of a second.
  for (const [index, at] of times.slice(6).entries()) expect(at - (times[index] ?? 0)).toBeGreaterThan(240);
});

test("cancellations are not counted among the submissions", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => 202);
  const [first = ""] = await submit(1);
  await bench.start({ DMS_DISPATCH_MAX_IN_FLIGHT: "1" });
  await bench.untilStatus("running", first);
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const [second = ""] = await submit(1);
  await until(() => bench.scheduler.ids("submit").includes(second));
  await bench.store.cancel(first, alice);
  await bench.untilStatus("cancelled", first);
  resolve(202);
});

test("a task that is cancelled in the moment in which it gets its permit releases the permit", async () => {
  const [first = "", second = ""] = await submit(2);
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  await bench.start({ DMS_DISPATCH_MAX_IN_FLIGHT: "1" });
  await until(() => bench.scheduler.requests.length === 1);
  await bench.store.cancel(second);
  resolve(202);
  await bench.untilStatus("running", first);
  await bench.untilIdle();
  expect(await bench.redis.client.exists(keys.inFlight, keys.inFlightOf("alice"))).toBe(0);
});
