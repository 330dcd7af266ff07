import { expect, onTestFinished, test } from "vitest";
import { mend } from "../../functions/background/janitor/janitor.ts";
import { dispatchGroup, keys } from "../../task-state/index.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";
import { bob } from "../task-state/support.ts";
import { startDispatcher, useDispatcher } from "./support.ts";

const bench = useDispatcher();

/** One sweep of the janitor. @returns its log lines */
async function sweep() {
  const { log, lines } = collectLog(testConfig(bench.redis.url));
  await mend({ store: bench.store, context: bench.context, log });
  return lines;
}

test.each([
  ["the stream is removed", () => bench.redis.client.del(keys.work)],
  ["the stream is emptied", () => bench.redis.client.xtrim(keys.work, "MAXLEN", 0)],
  ["the group skips them", () => bench.redis.client.xgroup("CREATE", keys.work, dispatchGroup, "$")],
] as const)("tasks that no dispatcher has read run after a sweep when %s", async (_, lose) => {
  const ids = [await bench.submit(), await bench.submit(bob), await bench.submit()];
  await lose();
  expect(await sweep()).toMatchObject([{ msg: "janitor finished a sweep", requeued: 3 }]);
  await bench.start();
  await bench.untilStatus("running", ...ids);
  await bench.untilIdle();
  expect(bench.scheduler.ids("submit").toSorted()).toEqual(ids.toSorted());
  expect(await sweep()).toEqual([]);
});

test("a cancellation that lost its place is sent after a sweep", async () => {
  bench.scheduler.answer(() => 202);
  const id = await bench.submit();
  const first = await bench.start();
  await bench.untilStatus("running", id);
  await first.stop();
  await bench.store.cancel(id);
  await bench.redis.client.del(keys.work);
  await sweep();
  await bench.start();
  await bench.untilStatus("cancelled", id);
  expect(bench.scheduler.ids("cancel")).toEqual([id]);
});

test("a submission that its dispatcher left under way waits for the grace after a sweep", async () => {
  const id = await bench.submit();
  await bench.redis.client.hset(keys.sidecar(id), { phase: "sending", tries: 1, attempts: 1, lease: "dead", rev: 2 });
  await bench.redis.client.set(
    keys.record(id),
    ((await bench.redis.client.get(keys.record(id))) ?? "").replace('"status":"pending"', '"status":"dispatching"'),
  );
  await bench.redis.client.del(keys.work);
  await sweep();
  await bench.start({ DMS_DISPATCH_GRACE_SECONDS: "2" });
  await bench.until(async () => (await bench.sidecar(id)).dueAt !== undefined);
  expect(bench.scheduler.requests).toEqual([]);
  await bench.untilStatus("running", id);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test("sweeps beside dispatchers that lose the stream again and again bring each task to the scheduler once", async () => {
  const ids: string[] = [];
  // Not started by the bench, which tolerates no fault: a stream may go between its read and the claim.
  for (let count = 0; count < 2; count += 1) {
    const { stop } = await startDispatcher({
      DMS_REDIS_WRITE_URL: bench.redis.url,
      DMS_SCHEDULER_BASE_URL: bench.scheduler.url,
    });
    onTestFinished(async () => void (await stop()));
  }
  for (let round = 0; round < 10; round += 1) {
    const submitted = Array.from({ length: 40 }, (_, index) => bench.submit(index % 2 === 0 ? undefined : bob));
    const [more] = await Promise.all([Promise.all(submitted), sweep(), bench.redis.client.del(keys.work)]);
    ids.push(...more);
  }
  const isDone = async () => {
    const statuses = await Promise.all(ids.map(async (id) => (await bench.record(id)).status));
    return statuses.every((status) => status === "running");
  };
  await until(
    async () => {
      if (await isDone()) return true;
      await sweep();
      return isDone();
    },
    { timeoutMs: 30_000 },
  );
  expect(bench.scheduler.ids("submit").toSorted()).toEqual(ids.toSorted());
}, 40_000);

test("sweeps beside dispatchers that lose nothing find nothing", async () => {
  let working = true;
  const work = async () => {
    await bench.start();
    await bench.start({ DMS_DISPATCH_MAX_IN_FLIGHT: "2" });
    const ids = await Promise.all(Array.from({ length: 600 }, () => bench.submit()));
    await bench.untilStatus("running", ...ids);
    working = false;
  };
  const search = async () => {
    while (working) expect(await sweep()).toEqual([]);
  };
  await Promise.all([work(), search()]);
});
