import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { jobsKey } from "../../local/development-scheduler/jobs.ts";
import { keys, type TaskStore } from "../../task-state/index.ts";
import { forever, startScheduler } from "../support/development-scheduler.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const alice = { service: "sync", user: "alice" };

test("a task's output grows step by step until it is completed without active jobs", async () => {
  const { store, submit, read, output, messages, untilStatus } = await startScheduler(redis);
  const id = await store.submit(alice, {});
  const lengths = new Set<number>();
  await submit(id);
  await until(async () => {
    lengths.add((await output(id)).length);
    return (await read(id))?.status === "completed";
  });
  expect(lengths.size).toBeGreaterThan(1);
  await untilStatus(id, "completed");
  expect(await output(id)).toHaveLength(5);
  expect(await read(id)).toMatchObject({ active_jobs: [], result: { pod_status: null } });
  expect(await messages(id)).toEqual(["Task accepted by scheduler", "Task completed"]);
  expect(await until(async () => (await redis.client.exists(jobsKey)) === 0)).toBe(true);
});

const copied = /^Copied \d+\.\d{3} GB \(\d+%\) in \d+\.\d{3} secs \(\d+\.\d{3} GB\/s\) (-1|\d+) secs left \.\.\.$/;
const created = /^Created \d+ items \(\d+%\) in \d+\.\d secs \(\d+ items\/sec\) (-1|\d+) secs left \.\.\.$/;
const removed = /^Removed \d+ items \(\d+\.\d\d%\) in \d+\.\d secs \(\d+ items\/sec\) (-1|\d+) secs remaining \.\.\.$/;

test.each([
  ["sync", copied],
  ["nsync-copy", copied],
  ["rm", removed],
  ["bulk-rm", removed],
  ["remove", removed],
  ["delete-old", removed],
  ["transform", created],
  ["mkdir", created],
])("service %s reports progress in its tool's words and ends with a done line", async (service, progress) => {
  const { store, submit, output, untilStatus } = await startScheduler(redis);
  const id = await store.submit({ service, user: "alice" }, {});
  await submit(id);
  await untilStatus(id, "completed");
  const lines = await output(id);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(progress);
  expect(lines[0]).toContain("-1 secs");
  expect(lines.at(-1)).toMatch(/\(100(\.00)?%\) in .* done$/);
});

test("a parameter `fail` fails the task with its value as the reason", async () => {
  const { store, submit, read, messages, output, untilStatus } = await startScheduler(redis);
  const id = await store.submit(alice, { fail: "no space left, really" });
  await submit(id);
  await untilStatus(id, "failed");
  expect((await messages(id)).at(-1)).toBe("Task failed: no space left, really");
  const lines = await output(id);
  expect(lines.at(-1)).toBe("ERROR: no space left, really");
  expect(lines.some((line) => line.endsWith("done"))).toBe(false);
  expect((await read(id))?.active_jobs).toEqual([]);
});

test("a cancel of a task with a job is 202 cancelled, and by then its record is cancelled for good", async () => {
  const { scheduler, store, submit, cancel, read, messages } = await startScheduler(redis);
  const id = await store.submit(alice, {});
  await submit(id);
  expect(await cancel(id)).toEqual({ status: 202, body: { task_id: id, status: "cancelled" } });
  expect(await read(id)).toMatchObject({ status: "cancelled", active_jobs: [] });
  expect((await messages(id)).at(-1)).toBe("Task cancelled by scheduler");
  const before = await redis.client.get(keys.record(id));
  await scheduler.stop();
  expect(await redis.client.get(keys.record(id))).toBe(before);
  expect(await redis.client.exists(jobsKey)).toBe(0);
});

test("a task in cancel_requested continues until the cancel arrives", async () => {
  const { store, submit, cancel, read, output } = await startScheduler(redis, { steps: 1_000 });
  const id = await store.submit(alice, {});
  await submit(id);
  await store.update(id, { status: "cancel_requested" });
  const lines = (await output(id)).length;
  await until(async () => (await output(id)).length > lines);
  expect((await read(id))?.status).toBe("cancel_requested");
  expect((await cancel(id)).body.status).toBe("cancelled");
  expect((await read(id))?.status).toBe("cancelled");
});

test("concurrent cancels record one cancellation", async () => {
  const { store, submit, cancel, messages } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  await submit(id);
  const answers = await Promise.all([cancel(id), cancel(id)]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  expect(await messages(id)).toEqual(["Task accepted by scheduler", "Task cancelled by scheduler"]);
});

test("a cancel of a task without a job is 202 cancel_requested and changes nothing", async () => {
  const { store, cancel } = await startScheduler(redis);
  const id = await store.submit(alice, {});
  const before = await redis.client.get(keys.record(id));
  expect(await cancel(id)).toEqual({ status: 202, body: { task_id: id, status: "cancel_requested" } });
  expect(await redis.client.get(keys.record(id))).toBe(before);
});

test("a cancel by another user is 403, and the job continues", async () => {
  const { store, submit, cancel, read } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  await submit(id);
  expect((await cancel(id, { user_id: "bob" })).status).toBe(403);
  expect((await cancel(id, { service: "rm" })).status).toBe(403);
  expect((await read(id))?.status).toBe("running");
});

test("a deleted task that still runs can be cancelled", async () => {
  const { store, submit, cancel } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  await submit(id);
  await store.delete(id);
  expect(await store.get(id)).toBeUndefined();
  expect(await cancel(id)).toEqual({ status: 202, body: { task_id: id, status: "cancelled" } });
  expect(await redis.client.exists(jobsKey)).toBe(0);
});

test.each([
  ["ended", (id: string, store: TaskStore) => store.update(id, { status: "failed" })],
  ["deleted", (id: string, store: TaskStore) => store.delete(id)],
  ["removed from Redis", (id: string) => redis.client.del(keys.record(id))],
])("a job stops when its task was %s by another program", async (_, act) => {
  const { store, submit } = await startScheduler(redis, { steps: 1_000 });
  const id = await store.submit(alice, {});
  await submit(id);
  await act(id, store);
  const after = await redis.client.get(keys.record(id));
  await until(async () => (await redis.client.exists(jobsKey)) === 0);
  expect(await redis.client.get(keys.record(id))).toBe(after);
});

test("a job survives a restart: the next scheduler resumes it where it was, and knows it for submissions", async () => {
  const first = await startScheduler(redis, { stepMs: 5, steps: 1_000 });
  const id = await first.store.submit(alice, {});
  await first.submit(id);
  await until(async () => (await first.output(id)).length > 5);
  await first.scheduler.stop();
  const lines = await first.output(id);
  expect(await redis.client.hexists(jobsKey, id)).toBe(1);

  const second = await startScheduler(redis, { stepMs: 5, steps: lines.length + 3 });
  expect((await second.submit(id)).status).toBe(202);
  expect(second.warnings).toHaveLength(1);
  await second.untilStatus(id, "completed");
  expect(await second.output(id)).toHaveLength(lines.length + 4);
  expect(await second.messages(id)).toEqual(["Task accepted by scheduler", "Task completed"]);
});

test("a job whose process died before its record showed it is accepted by the next scheduler", async () => {
  const { store } = await startScheduler(redis);
  const id = await store.submit(alice, {});
  await redis.client.hset(jobsKey, id, JSON.stringify({ taskId: id, service: "sync", step: 0 }));
  const second = await startScheduler(redis);
  await second.untilStatus(id, "completed");
  expect(await second.messages(id)).toEqual(["Task accepted by scheduler", "Task completed"]);
});

test("an unreadable stored job is dropped with a warning", async () => {
  await redis.client.hset(jobsKey, "7", "{");
  const { warnings } = await startScheduler(redis);
  expect(warnings).toHaveLength(1);
  expect(await redis.client.exists(jobsKey)).toBe(0);
});

test("stop does not wait for a request that never ends", async () => {
  const { scheduler } = await startScheduler(redis);
  const socket = connect(Number(new URL(scheduler.url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  // A second request answered on another connection shows that the server has the first one.
  await fetch(`${scheduler.url}/healthz`);
  const closed = once(socket, "close");
  socket.resume();
  await scheduler.stop();
  await closed;
});

test("a job is stored before its record shows it, so that a crash in between loses nothing", async () => {
  const { store, submit, read } = await startScheduler(redis, forever, { failures: 1 });
  const id = await store.submit(alice, {});
  expect((await submit(id)).status).toBe(500);
  expect((await read(id))?.status).toBe("pending");
  expect(await redis.client.hexists(jobsKey, id)).toBe(1);
});

test("stop stops server and timers at once, and may be called twice", async () => {
  const { scheduler, store, submit } = await startScheduler(redis, { stepMs: 60_000 });
  await submit(await store.submit(alice, {}));
  const before = performance.now();
  await Promise.all([scheduler.stop(), scheduler.stop()]);
  await scheduler.stop();
  expect(performance.now() - before).toBeLessThan(5_000);
  await expect(fetch(`${scheduler.url}/healthz`)).rejects.toThrow();
});

test("a port in use fails the start and leaves no timers behind", async () => {
  const { scheduler, store, submit } = await startScheduler(redis, forever);
  await submit(await store.submit(alice, {}));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  await expect(startScheduler(redis, { port: Number(new URL(scheduler.url).port) })).rejects.toThrow("EADDRINUSE");
  expect(timers()).toBe(before);
});

test("a submission whose record cannot be written is 500, and its job retries", async () => {
  const { store, submit, warnings, untilStatus } = await startScheduler(redis, {}, { failures: 2 });
  const id = await store.submit(alice, {});
  expect(await submit(id)).toEqual({ status: 500, body: { detail: "Connection is closed" } });
  await untilStatus(id, "completed");
  expect(warnings.map(({ message }) => message)).toEqual([
    "scheduler request failed",
    "could not record a step; retrying",
  ]);
});
