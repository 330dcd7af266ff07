import { expect, onTestFinished, test } from "vitest";
import { readDeadLetters } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { startScriptedScheduler } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
const oneAttempt = { DMS_DISPATCH_MAX_ATTEMPTS: "1" };

const submit = (count: number) => Promise.all(Array.from({ length: count }, () => bench.submit()));

test("while nobody listens no attempt is counted and no task fails, and then all run, each once", async () => {
  const { port } = bench.scheduler;
  await bench.scheduler.stop();
  const ids = await submit(30);
  const { logs } = await bench.start(oneAttempt);
  await until(() => logs.filter(({ msg }) => msg === "scheduler did not accept the request").length >= 8);
  for (const id of ids) {
    expect(await bench.sidecar(id)).toMatchObject({ phase: expect.stringMatching(/queued|sending/) });
    expect(await bench.record(id)).toMatchObject({ status: expect.stringMatching(/pending|dispatching/) });
  }
  const back = await startScriptedScheduler(port);
  onTestFinished(() => back.stop());
  await bench.untilStatus("running", ...ids);
  expect(back.ids("submit").toSorted((a, b) => Number(a) - Number(b))).toEqual(ids);
  for (const id of ids) expect(await bench.sidecar(id)).toMatchObject({ attempts: 1 });
});

test("a name that cannot be resolved is an outage too", async () => {
  const id = await bench.submit();
  await bench.start({ ...oneAttempt, DMS_SCHEDULER_BASE_URL: "http://scheduler.invalid" });
  await until(async () => (await bench.sidecar(id)).error, { timeoutMs: 15_000 });
  expect(await bench.sidecar(id)).toMatchObject({ attempts: 0, error: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) });
  expect(await bench.record(id)).toMatchObject({ status: "pending" });
});

test("during 503 one probe at a time is under way, at the backoff's pace, and the backlog waits", async () => {
  let most = 0;
  let underWay = 0;
  bench.scheduler.answer(async () => {
    underWay += 1;
    if (bench.scheduler.requests.length > 12) most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return 503;
  });
  const ids = await submit(50);
  await bench.start({
    ...oneAttempt,
    DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.02",
    DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.04",
  });
  await until(() => bench.scheduler.requests.length >= 30);
  expect(most).toBe(1);
  const probes = bench.scheduler.requests.slice(12).map(({ at }) => at);
  for (const [index, at] of probes.slice(1).entries()) expect(at - (probes[index] ?? 0)).toBeGreaterThan(9);
  for (const id of ids) expect((await bench.record(id)).status).toMatch(/pending|dispatching/);
});

test("when the scheduler is available again the rate ramps up", async () => {
  let back = false;
  let answered = 0;
  const ramp: [underWay: number, answered: number][] = [];
  let underWay = 0;
  bench.scheduler.answer(async () => {
    if (!back) return 503;
    underWay += 1;
    ramp.push([underWay, answered]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    underWay -= 1;
    answered += 1;
    return 202;
  });
  const ids = await submit(100);
  await bench.start({ ...oneAttempt, DMS_EVENT_WORKER_COUNT: "64" });
  await until(() => bench.scheduler.requests.length >= 70);
  back = true;
  await bench.untilStatus("running", ...ids);
  for (const [at, after] of ramp) expect(at, `after ${after} answers`).toBeLessThanOrEqual(2 ** after);
  expect(Math.max(...ramp.map(([at]) => at))).toBeGreaterThan(8);
});

test.each(["0", "Mon, 23 Nov 2020 00:00:00 GMT"])(
  "Retry-After %j does not make a tight circle of the probes",
  async (value) => {
    bench.scheduler.answer(() => ({ status: 503, headers: { "retry-after": value } }));
    await submit(100);
    await bench.start({ DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.1", DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.1" });
    await until(() => bench.scheduler.requests.length >= 12);
    const probes = bench.scheduler.requests.slice(6).map(({ at }) => at);
    expect((probes.at(-1) ?? 0) - (probes[0] ?? 0)).toBeGreaterThan((probes.length - 1) * 45);
  },
);

test("a task that is cancelled during an outage and was never taken is cancelled at once", async () => {
  bench.scheduler.answer(() => 503);
  const ids = await submit(8);
  await bench.start();
  await until(() => bench.scheduler.requests.length >= 8);
  for (const id of ids) expect(await bench.store.cancel(id)).toMatch(/"status":"cancel(led|_requested)"/);
  await bench.untilStatus("cancelled", ...ids);
  expect(bench.scheduler.ids("cancel")).toEqual([]);
});

test("only the greatest age ends a task during an outage, and it goes to the dead letters", async () => {
  bench.scheduler.answer(() => 503);
  const id = await bench.submit();
  await bench.start({ ...oneAttempt, DMS_DISPATCH_MAX_AGE_SECONDS: "0.5" });
  await bench.untilStatus("failed", id);
  const { letters } = await readDeadLetters(bench.redis.client, 10);
  expect(letters).toMatchObject([{ task_id: id, request: "submit", attempts: 0, error: "503" }]);
  expect((await bench.messages(id)).at(-1)).toBe("Not submitted within 0.5 s: given up");
});

test("during an outage no cancellation becomes a dead letter, and it is carried out when the scheduler is available again", async () => {
  const id = await bench.submit();
  await bench.start(oneAttempt);
  await bench.untilStatus("running", id);
  bench.scheduler.answer(() => 503);
  await bench.store.cancel(id);
  await bench.until(() => bench.scheduler.ids("cancel").length >= 6);
  expect((await readDeadLetters(bench.redis.client, 10)).letters).toEqual([]);
  expect(await bench.messages(id)).toContainEqual(
    expect.stringMatching(/^Cancellation attempt 1 failed with 503, next in \d+ s$/),
  );
  bench.scheduler.answer(() => 202);
  await bench.untilStatus("cancelled", id);
});
