import { expect, test } from "vitest";
import { keys, type TaskRecord } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, foreignRecord } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

/** Nothing replicates to it: every read of a record finds none. */
const replica = useRedis();
const bench = useDispatcher();
const quick = { DMS_REQUEST_TIMEOUT_SECONDS: "0.3" };
const unclear: [string, SchedulerReply, RegExp][] = [
  ["no answer in time", "hang", /TIMEOUT|ABORT/],
  ["a reset", "reset", /RESET|UND_ERR_SOCKET/],
  ["500", 500, /^500$/],
  ["502", 502, /^502$/],
  ["504", 504, /^504$/],
];

/** The first submission gets this, after the scheduler has written what is given; all later ones are taken. */
function answerOnce(reply: SchedulerReply, written?: Partial<TaskRecord>): void {
  let first = true;
  bench.scheduler.answer(async ({ id }) => {
    if (!first) return 202;
    first = false;
    if (written) await bench.redis.client.set(keys.record(id), foreignRecord(id, written));
    return reply;
  });
}

test.each(unclear)("after %s a task without a sign of the scheduler is sent again, once", async (_, reply, cause) => {
  answerOnce(reply);
  const id = await bench.submit();
  await bench.start(quick);
  await bench.untilStatus("running", id);
  await bench.untilIdle();
  expect(bench.scheduler.ids("submit")).toEqual([id, id]);
  const [, logged = ""] = await bench.messages(id);
  expect(logged).toMatch(/^Attempt 1 ended without a clear answer \(\w+\), checked after at least 1 s$/);
  expect(logged.match(/\((\w+)\)/)?.[1]).toMatch(cause);
  expect(await bench.sidecar(id)).toMatchObject({ attempts: 2, doubtful: 1, phase: "sent" });
});

test.each(unclear)("after %s a task that the scheduler runs is not sent again", async (_, reply) => {
  answerOnce(reply, { status: "running", active_jobs: [{ job: 1 }] });
  const id = await bench.submit();
  await bench.start(quick);
  await bench.until(async () => (await bench.sidecar(id)).phase === "sent");
  expect(bench.scheduler.ids("submit")).toEqual([id]);
  expect(await bench.record(id)).toMatchObject({ status: "running", active_jobs: [{ job: 1 }] });
});

test.each<[string, Partial<TaskRecord>]>([
  ["an active job", { active_jobs: ["job-1"] }],
  ["a result", { result: { pod_status: "Pending", launcher_output: null } }],
  ["a log line that is not ours", { logs: ["t,Dispatching to scheduler", "t,Task accepted by scheduler"] }],
])("%s in a record that still says dispatching is a sign", async (_, written) => {
  answerOnce(504, { status: "dispatching", ...written });
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  expect((await bench.messages(id)).at(-1)).toBe("Scheduler has taken the submission");
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test.each(["completed", "failed", "cancelled"] as const)(
  "a task that the scheduler has made %s stays so",
  async (status) => {
    answerOnce("reset", { status });
    const id = await bench.submit();
    await bench.start();
    await bench.untilIdle();
    await bench.until(async () => (await bench.redis.client.exists(keys.due)) === 0);
    await bench.untilIdle();
    expect(await bench.redis.client.get(keys.record(id))).toBe(foreignRecord(id, { status }));
    expect(bench.scheduler.ids("submit")).toEqual([id]);
  },
);

test("nothing is decided before the grace is over", async () => {
  answerOnce(502);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_GRACE_SECONDS: "0.5" });
  await bench.until(async () => (await bench.sidecar(id)).error === "502");
  expect(await bench.record(id)).toMatchObject({ status: "dispatching" });
  expect(await bench.sidecar(id)).toMatchObject({ phase: "sending" });
  await bench.untilStatus("running", id);
  const [first = 0, second = 0] = bench.scheduler.requests.map(({ at }) => at);
  expect(second - first).toBeGreaterThanOrEqual(499);
});

test("a sign that comes within the grace counts", async () => {
  answerOnce(504);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_GRACE_SECONDS: "0.5" });
  await bench.until(async () => (await bench.sidecar(id)).error === "504");
  const raw = foreignRecord(id, { status: "running" });
  await bench.redis.client.set(keys.record(id), raw);
  await bench.until(async () => (await bench.sidecar(id)).phase === "sent");
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test("the primary is asked, not the replica", async () => {
  answerOnce(504, { status: "running" });
  await replica.client.set(keys.record("1"), foreignRecord("1", { status: "dispatching" }));
  const id = await bench.submit(alice);
  await bench.start({ DMS_REDIS_READ_URL: replica.url });
  await bench.until(async () => (await bench.sidecar(id)).phase === "sent");
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test("attempts of unknown fate are counted, and the last one ends the task", async () => {
  bench.scheduler.answer(() => 500);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_MAX_ATTEMPTS: "3" });
  await bench.untilStatus("failed", id);
  expect(bench.scheduler.ids("submit")).toHaveLength(3);
  expect((await bench.messages(id)).at(-1)).toBe("Submission failed after 3 attempts: 500");
});

test("a task of unknown fate that is cancelled is asked about, not sent again", async () => {
  answerOnce(502);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_GRACE_SECONDS: "0.3" });
  await bench.until(async () => (await bench.sidecar(id)).error === "502");
  expect(await bench.store.cancel(id)).toContain('"status":"cancel_requested"');
  expect(await bench.record(id)).toMatchObject({ status: "dispatching" });
  await bench.untilStatus("cancelled", id);
  expect(bench.scheduler.requests.map(({ kind }) => kind)).toEqual(["submit", "cancel"]);
});
