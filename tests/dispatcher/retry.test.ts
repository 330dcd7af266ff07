import { expect, test } from "vitest";
import { keys, readDeadLetters } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

/** Answers the first submissions with these, and takes all later ones. */
function answerWith(...replies: SchedulerReply[]): void {
  bench.scheduler.answer(() => replies.shift() ?? 202);
}

test.each([408, 425, 429, 503, 404])("%i is tried again until it is taken", async (status) => {
  answerWith({ status, detail: "Task 1 not found in shared store" }, status);
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  expect(bench.scheduler.ids("submit")).toEqual([id, id, id]);
  expect(await bench.messages(id)).toEqual([
    "Dispatching to scheduler",
    `Attempt 1 failed with ${status}, next in 1 s`,
    "Scheduler acknowledged submission",
  ]);
  expect(await bench.sidecar(id)).not.toHaveProperty("error");
});

test("a retry needs nobody but the dispatcher", async () => {
  answerWith(429);
  const id = await bench.submit();
  await bench.start();
  await until(async () => (await bench.record(id)).status === "running");
});

test("between attempts the task is pending, with its cause and the time of the next one", async () => {
  answerWith({ status: 429, headers: { "retry-after": "600" } });
  const id = await bench.submit();
  await bench.start();
  await until(async () => (await bench.sidecar(id)).error !== undefined);
  expect(await bench.record(id)).toMatchObject({ status: "pending" });
  const { dueAt = 0, ...rest } = await bench.sidecar(id);
  expect(rest).toMatchObject({ phase: "queued", attempts: 1, error: "429" });
  expect(dueAt - Date.now()).toBeGreaterThan(590_000);
  expect(dueAt - Date.now()).toBeLessThanOrEqual(600_000);
  expect(await bench.redis.client.zscore(keys.due, id)).toBe(String(dueAt));
  expect((await bench.messages(id)).at(-1)).toBe("Attempt 1 failed with 429, next in 600 s");
});

test.each([
  ["seconds", () => "1", 1000],
  ["a date", () => new Date(Date.now() + 2000).toUTCString(), 950],
])("Retry-After as %s wins over the backoff", async (_, header, least) => {
  answerWith({ status: 429, headers: { "retry-after": header() } });
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  const [first = 0, second = 0] = bench.scheduler.requests.map(({ at }) => at);
  expect(second - first).toBeGreaterThanOrEqual(least - 5);
  expect(second - first).toBeLessThan(4000);
});

test("an attempt waits at least half the shortest backoff", async () => {
  answerWith(429, 429, 429, 429);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.1", DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.2" });
  await bench.untilStatus("running", id);
  const times = bench.scheduler.requests.map(({ at }) => at);
  for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(49);
});

test("after the last attempt the task fails with the reason and goes to the dead letters", async () => {
  bench.scheduler.answer(() => 429);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_MAX_ATTEMPTS: "3" });
  await bench.untilStatus("failed", id);
  await bench.untilIdle();
  expect(bench.scheduler.ids("submit")).toHaveLength(3);
  expect((await bench.messages(id)).at(-1)).toBe("Submission failed after 3 attempts: 429");
  expect((await readDeadLetters(bench.redis.client, 10)).letters).toEqual([
    {
      task_id: id,
      service: "sync",
      user_id: "alice",
      request: "submit",
      attempts: 3,
      error: "429",
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    },
  ]);
  expect(await bench.redis.client.exists(keys.due)).toBe(0);
});

test("what repeats is logged at most once in five attempts", async () => {
  answerWith(...Array<SchedulerReply>(12).fill(429), 404, 404, 404);
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  const logged = (await bench.messages(id)).filter((message) => message.startsWith("Attempt"));
  expect(logged.map((message) => message.split(",")[0])).toEqual([
    "Attempt 1 failed with 429",
    "Attempt 5 failed with 429",
    "Attempt 10 failed with 429",
    "Attempt 15 failed with 404",
  ]);
});

test("a task that is cancelled between attempts is cancelled at once, and not sent again", async () => {
  answerWith({ status: 429, headers: { "retry-after": "600" } });
  const id = await bench.submit();
  await bench.start();
  await until(async () => (await bench.sidecar(id)).error !== undefined);
  expect(await bench.store.cancel(id)).toContain('"status":"cancelled"');
  await bench.untilStatus("running", await bench.submit());
  expect(bench.scheduler.requests.map(({ kind, id: sent }) => [kind, sent])).toEqual([
    ["submit", id],
    ["submit", "2"],
  ]);
  // Only the re-check of the cancelled task is due.
  expect(Number(await bench.redis.client.zscore(keys.due, id))).toBeLessThan(Date.now() + 10_000);
});
