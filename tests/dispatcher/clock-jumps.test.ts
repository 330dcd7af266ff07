import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { keys, redisClock } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

/** Seconds of waiting are enough for leases of 1.4 s, a grace of 0.05 s and the longest wait. */
const quick = { DMS_REQUEST_TIMEOUT_SECONDS: "0.2" };
const hour = 3_600_000;

/** As if Redis's clock had been set by so many ms: what was stored of it is that much older or younger. */
async function jump(ms: number): Promise<void> {
  await redisClock(bench.redis.client);
  const [now = 0, watched = 0, seen = 0, witnessed = 0] = ((await bench.redis.client.get(keys.clock)) ?? "")
    .split(" ")
    .map(Number);
  await bench.redis.client.set(keys.clock, [now, watched, seen - ms, witnessed].join(" "));
}

test.each([hour, -hour, 60_000, -60_000])(
  "Redis's clock jumps by %d ms again and again while a task is being submitted: it is sent once",
  async (ms) => {
    // Longer than a lease, so that only heartbeats keep it; the process asks on as long as it takes.
    bench.scheduler.answer(async () => {
      await pause(3000);
      return 202;
    });
    const id = await bench.submit();
    const patient = { DMS_REQUEST_TIMEOUT_SECONDS: "5" };
    await bench.start(patient);
    await until(() => bench.scheduler.requests.length === 1);
    await bench.start(quick);
    for (let count = 0; count < 10; count += 1) {
      await jump(ms);
      await pause(250);
    }
    await bench.untilStatus("running", id);
    await bench.untilIdle();
    expect(bench.scheduler.ids("submit")).toEqual([id]);
  },
);

test.each([hour, -hour])(
  "a task that waits for a retry comes when it is due, though the clock jumps by %d ms",
  async (ms) => {
    bench.scheduler.answer(() => (bench.scheduler.requests.length < 3 ? 503 : 202));
    const id = await bench.submit();
    await bench.start({ DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.5", DMS_DISPATCH_MAX_BACKOFF_SECONDS: "1" });
    await until(() => bench.scheduler.requests.length === 1);
    await jump(ms);
    await until(async () => (await bench.record(id)).status === "running");
    expect(bench.scheduler.ids("submit")).toEqual([id, id, id]);
  },
);

test.each([hour, -hour])(
  "a submission of unknown fate is judged after the grace and not before, though the clock jumps by %d ms",
  async (ms) => {
    bench.scheduler.answer(() => (bench.scheduler.requests.length < 2 ? "reset" : 202));
    const id = await bench.submit();
    await bench.start({ DMS_DISPATCH_GRACE_SECONDS: "2" });
    await until(async () => (await bench.sidecar(id)).error !== undefined);
    await jump(ms);
    await until(async () => (await bench.record(id)).status === "running");
    const [first, second] = bench.scheduler.requests;
    // A jump counts as half a second at most.
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1300);
  },
);
