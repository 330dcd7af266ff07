import { expect, test } from "vitest";
import { keys, readDeadLetters } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, foreignRecord } from "../task-state/support.ts";
import type { SchedulerReply, Script } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

/** A task that the scheduler has taken. */
async function running(environment = {}): Promise<string> {
  const id = await bench.submit();
  await bench.start(environment);
  await bench.untilStatus("running", id);
  return id;
}

/** Takes submissions, and answers cancellations so. */
const answerCancel = (script: Script) =>
  bench.scheduler.answer((request) => (request.kind === "cancel" ? script(request) : 202));

const kinds = () => bench.scheduler.requests.map(({ kind }) => kind);

test("a task that was never submitted is cancelled without the scheduler", async () => {
  const id = await bench.submit();
  expect(await bench.store.cancel(id)).toContain('"status":"cancelled"');
  await bench.start();
  await bench.untilStatus("running", await bench.submit());
  await bench.untilIdle();
  expect(bench.scheduler.requests.map(({ id: sent }) => sent)).toEqual(["2"]);
  expect(await bench.record(id)).toMatchObject({ status: "cancelled" });
});

test.each<[string, SchedulerReply]>([
  ["202", { status: 202 }],
  ["200", 200],
  ["404 while the record exists", { status: 404, detail: "Task 1 not found" }],
])("%s confirms a cancellation", async (_, reply) => {
  const id = await running();
  answerCancel(() => reply);
  await bench.store.cancel(id);
  await bench.untilStatus("cancelled", id);
  expect(await bench.messages(id)).toEqual([
    "Dispatching to scheduler",
    "Scheduler acknowledged submission",
    "Cancellation requested",
    "Scheduler confirmed cancellation",
  ]);
  const [, request] = bench.scheduler.requests;
  expect(request).toMatchObject({ kind: "cancel", body: { task_id: id, service: "sync", user_id: "alice" } });
  expect(request?.body).not.toHaveProperty("parameters");
});

test("a cancellation that is asked for again is sent once", async () => {
  const id = await running();
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  answerCancel(() => promise);
  await bench.store.cancel(id);
  await until(() => bench.scheduler.requests.length === 2);
  await bench.store.cancel(id, alice);
  resolve(202);
  await bench.untilStatus("cancelled", id);
  await bench.store.cancel(id, alice);
  await bench.untilIdle();
  expect(kinds()).toEqual(["submit", "cancel"]);
});

test("a cancellation in flight waits for its submission's end, and only then the record says so", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const id = await bench.submit();
  await bench.start();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  expect(await bench.store.cancel(id)).toContain('"status":"cancel_requested"');
  await until(async () => (await bench.redis.client.xpending(keys.work, "dispatchers"))[0] === 1);
  expect(await bench.record(id)).toMatchObject({ status: "dispatching" });
  expect(kinds()).toEqual(["submit"]);
  resolve(202);
  await bench.untilStatus("cancelled", id);
  expect(kinds()).toEqual(["submit", "cancel"]);
  expect((await bench.messages(id)).filter((message) => message === "Cancellation requested")).toHaveLength(1);
  expect(await bench.redis.client.exists(keys.deferredCancels)).toBe(0);
});

test.each<[string, SchedulerReply]>([
  ["429", 429],
  ["404", 404],
  ["blocked", { status: 403, detail: "Requests are blocked" }],
])("a submission that was rejected (%s) while its cancellation waited is not sent again", async (_, reply) => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const id = await bench.submit();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  await bench.store.cancel(id);
  resolve(reply);
  await bench.untilStatus("cancelled", id);
  await bench.untilIdle();
  expect(kinds()).toEqual(["submit"]);
  expect(await bench.messages(id)).toEqual(
    expect.arrayContaining(["Cancellation requested", "Cancelled before the scheduler had it"]),
  );
  expect(await bench.redis.client.exists(keys.deferredCancels)).toBe(0);
});

test.each<SchedulerReply>([500, 502, 503, 504, 429, "reset", "hang"])(
  "a cancellation that ends with %s is sent again",
  async (reply) => {
    const id = await running({ DMS_REQUEST_TIMEOUT_SECONDS: "0.3" });
    const replies = [reply];
    answerCancel(() => replies.shift() ?? 202);
    await bench.store.cancel(id);
    await bench.untilStatus("cancelled", id);
    expect(kinds()).toEqual(["submit", "cancel", "cancel"]);
  },
);

test.each(["completed", "failed"] as const)("a task that is %s meanwhile keeps its own ending", async (status) => {
  const id = await running();
  const raw = foreignRecord(id, { status, logs: ["t,The job is over"] });
  answerCancel(async () => {
    await bench.redis.client.set(keys.record(id), raw);
    return 202;
  });
  await bench.store.cancel(id);
  await until(() => bench.scheduler.requests.length === 2);
  await bench.untilIdle();
  expect(await bench.redis.client.get(keys.record(id))).toBe(raw);
});

test("a task that ends while its cancellation waits for the submission keeps its ending, and nothing waits any more", async () => {
  const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(() => promise);
  const id = await bench.submit();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  await bench.store.cancel(id);
  await bench.redis.client.set(keys.record(id), foreignRecord(id, { status: "completed" }));
  resolve(202);
  await bench.untilIdle();
  expect(await bench.record(id)).toMatchObject({ status: "completed" });
  expect(kinds()).toEqual(["submit"]);
  expect(await bench.redis.client.exists(keys.deferredCancels)).toBe(0);
});

test("403 for an identity mismatch is logged and goes to the dead letters; the task stays cancel_requested", async () => {
  const id = await running();
  const detail = "Task 1 does not match service and user";
  answerCancel(() => ({ status: 403, detail }));
  await bench.store.cancel(id);
  await bench.until(async () => (await bench.redis.client.zcard(keys.dead)) === 1);
  await bench.untilIdle();
  expect(await bench.record(id)).toMatchObject({ status: "cancel_requested" });
  expect((await bench.messages(id)).at(-1)).toBe(`Scheduler refused the cancellation: ${detail}`);
  const { letters } = await readDeadLetters(bench.redis.client, 10);
  expect(letters).toMatchObject([{ task_id: id, request: "cancel", attempts: 1, error: detail }]);
  expect(kinds()).toEqual(["submit", "cancel"]);
});

test("after the last attempt the task stays cancel_requested, with a dead letter", async () => {
  const id = await running({ DMS_DISPATCH_MAX_ATTEMPTS: "3" });
  answerCancel(() => 500);
  await bench.store.cancel(id);
  await bench.until(async () => (await bench.redis.client.zcard(keys.dead)) === 1);
  await bench.untilIdle();
  expect(await bench.record(id)).toMatchObject({ status: "cancel_requested" });
  expect((await bench.messages(id)).at(-1)).toBe("Cancellation failed after 3 attempts: 500");
  expect(kinds()).toEqual(["submit", "cancel", "cancel", "cancel"]);
});

test("a task that a writer puts back behind its confirmed cancellation is cancelled once more", async () => {
  const id = await running();
  await bench.store.cancel(id);
  await bench.untilStatus("cancelled", id);
  await bench.redis.client.set(keys.record(id), foreignRecord(id, { status: "running" }));
  await bench.until(() => kinds().length === 3);
  await bench.untilStatus("cancelled", id);
  expect(kinds()).toEqual(["submit", "cancel", "cancel"]);
});

test("a task that the scheduler has cancelled without an answer is cancelled once more when a writer puts it back", async () => {
  const id = await running();
  const replies: SchedulerReply[] = ["reset"];
  answerCancel(async () => {
    await bench.redis.client.set(keys.record(id), foreignRecord(id, { status: "cancelled" }));
    return replies.shift() ?? 202;
  });
  await bench.store.cancel(id);
  await bench.until(async () => (await bench.sidecar(id)).confirmedAt !== undefined);
  expect(kinds()).toEqual(["submit", "cancel"]);
  await bench.redis.client.set(keys.record(id), foreignRecord(id, { status: "running" }));
  await bench.until(() => kinds().length === 3);
  await bench.untilStatus("cancelled", id);
});

test.each<[string, (id: string) => Promise<void>]>([
  ["is held", (id) => bench.untilHeld(id)],
  ["waits for a retry", (id) => bench.until(async () => (await bench.sidecar(id)).dueAt !== undefined)],
])("a task that %s, was cancelled and is put back by a writer is cancelled again", async (what, waits) => {
  if (what === "is held") await bench.redis.client.set(keys.blocksAll, '{"blocked":true}');
  bench.scheduler.answer(() => ({ status: 429, headers: { "retry-after": "600" } }));
  const id = await bench.submit();
  await bench.start();
  await waits(id);
  await bench.untilIdle();
  const raw = (await bench.redis.client.get(keys.record(id))) ?? "";
  const { length } = bench.scheduler.requests;
  expect(await bench.store.cancel(id)).toContain('"status":"cancelled"');
  await bench.redis.client.set(keys.record(id), raw);
  await bench.untilStatus("cancelled", id);
  expect(bench.scheduler.requests).toHaveLength(length);
});
