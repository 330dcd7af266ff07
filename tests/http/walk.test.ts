import { expect, test } from "vitest";
import { startScheduler } from "../support/development-scheduler.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { tracesOf } from "../task-state/support.ts";
import { aliceTask, aliceTasks, expectProblem, idsIn, messagesOf, operator, submit, taskIn } from "./support.ts";

const redis = useRedis();

/** A service with a dispatcher and a scheduler whose jobs take as long as the test sets. */
async function startBoth(pace: Parameters<typeof startScheduler>[1] = {}) {
  const scheduler = await startScheduler(redis, pace);
  const service = await startServiceForTest(redis.url, {
    DMS_EVENT_WORKER_COUNT: "4",
    DMS_SCHEDULER_BASE_URL: scheduler.scheduler.url,
  });
  const task = async (id: string) => taskIn(await service.get(aliceTask(id)));
  const untilStatus = (id: string, status: string) =>
    until(async () => {
      const seen = await task(id);
      return seen.status === status ? seen : undefined;
    });
  return { scheduler, service, task, untilStatus };
}

const longJob = { stepMs: 20, steps: 100_000 };

test("the walk of a new user: submit, follow to the end, list, cancel, delete", async () => {
  const { service, task } = await startBoth({ stepMs: 20, steps: 5 });
  const id = await submit(service, "?src=/home/gpu1&dst=/scratch");
  expect(id).toBe("1");
  const statuses = new Set<string>();
  const outputs = new Set<unknown>();
  const done = await until(async () => {
    const seen = await task(id);
    statuses.add(seen.status);
    outputs.add(seen.result?.launcher_output);
    return seen.status === "completed" ? seen : undefined;
  });
  const inOrder = ["pending", "dispatching", "running", "completed"].filter((status) => statuses.has(status));
  expect([...statuses]).toEqual(inOrder);
  expect(inOrder).toContain("running");
  expect(outputs.size, "progress can be followed").toBeGreaterThan(2);
  expect(messagesOf(done)).toEqual(
    expect.arrayContaining(["Dispatching to scheduler", "Scheduler acknowledged submission", "Task completed"]),
  );
  expect(done).toMatchObject({ parameters: { src: "/home/gpu1", dst: "/scratch" }, active_jobs: [] });
  expect(done.result?.launcher_output).toMatch(/^Copied .* \(100%\) .* done$/m);
  expect(done.logs?.toSorted()).toEqual(done.logs);

  expect(idsIn(await service.get(aliceTasks))).toEqual(["1"]);
  expect((await service.get("/services/sync/users")).body).toEqual({ users: ["alice"] });
  expect(taskIn(await service.post(aliceTask(id, "/cancel")))).toEqual(done);
  expect(taskIn(await service.delete(aliceTask(id)))).toEqual(done);
  expect((await service.get("/admin/tasks", operator)).body).toEqual({ tasks: [] });
  expect(await tracesOf(redis.client, id)).toEqual(["dms:deleted", "dms:deleted:owners"]);
});

test("both entries of the dispatcher are written once each, in their order", async () => {
  const { service, untilStatus } = await startBoth();
  const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => submit(service, `?n=${index}`)));
  for (const id of ids) {
    const ours = messagesOf(await untilStatus(id, "completed")).filter((message) =>
      /scheduler$|submission$/i.test(message),
    );
    expect(ours.filter((message) => !message.startsWith("Task"))).toEqual([
      "Dispatching to scheduler",
      "Scheduler acknowledged submission",
    ]);
  }
});

test("cancelling a running task makes it cancel_requested, and cancelled once the scheduler has confirmed", async () => {
  const { service, scheduler, untilStatus } = await startBoth(longJob);
  const id = await submit(service);
  await untilStatus(id, "running");
  const asked = taskIn(await service.post(aliceTask(id, "/cancel")));
  expect(["cancel_requested", "cancelled"]).toContain(asked.status);
  expect(messagesOf(asked)).toContain("Cancellation requested");
  const cancelled = await untilStatus(id, "cancelled");
  expect(messagesOf(cancelled)).toEqual(expect.arrayContaining(["Task cancelled by scheduler"]));
  expect(cancelled.active_jobs).toEqual([]);
  expect(await scheduler.cancel(id), "its job has ended").toMatchObject({ body: { status: "cancel_requested" } });
  expect(taskIn(await service.post(aliceTask(id, "/cancel"))).status).toBe("cancelled");
});

test("a task with a parameter `fail` fails, and its log says why", async () => {
  const { service, untilStatus } = await startBoth();
  const id = await submit(service, "?fail=disk%20full");
  const failed = await untilStatus(id, "failed");
  expect(messagesOf(failed).at(-1)).toBe("Task failed: disk full");
  expect(taskIn(await service.post(aliceTask(id, "/cancel")))).toEqual(failed);
});

test("deleting a running task hides it at once, and leaves no key of it once the scheduler has confirmed", async () => {
  const { service, scheduler, untilStatus } = await startBoth(longJob);
  const [id, other] = [await submit(service), await submit(service)];
  await Promise.all([untilStatus(id, "running"), untilStatus(other, "running")]);
  expect(taskIn(await service.delete(aliceTask(id))).status).toBe("running");
  expectProblem(await service.get(aliceTask(id)), 404);
  expectProblem(await service.post(aliceTask(id, "/cancel")), 404);
  expectProblem(await service.delete(`/admin/tasks/${id}`, operator), 404);
  for (const path of [aliceTasks, "/admin/tasks", "/admin/services/sync/tasks?limit=9"]) {
    expect(idsIn(await service.get(path, operator))).toEqual([other]);
  }
  await until(async () => (await tracesOf(redis.client, id)).every((key) => key.startsWith("dms:deleted")));
  const named = (await redis.client.keys("*")).filter((key) => key.split(":").includes(id));
  expect(named).toEqual([]);
  expect((await scheduler.cancel(id)).status, "the scheduler has no such task").toBe(404);
  expect((await untilStatus(other, "running")).task_id).toBe(other);
});

test("without a dispatcher tasks stay pending, and one that starts later dispatches them", async () => {
  const { scheduler } = await startScheduler(redis);
  const environment = { DMS_SCHEDULER_BASE_URL: scheduler.url };
  const service = await startServiceForTest(redis.url, { ...environment, DMS_EVENT_WORKER_COUNT: "0" });
  const id = await submit(service);
  const clients = String(await redis.client.client("LIST"));
  expect(clients).not.toContain("cmd=xreadgroup");
  expect(taskIn(await service.get(aliceTask(id)))).toMatchObject({ status: "pending", logs: [] });
  expect(JSON.stringify(service.logs)).not.toContain("dispatcher");
  await startServiceForTest(redis.url, { ...environment, DMS_EVENT_WORKER_COUNT: "1" });
  await until(async () => taskIn(await service.get(aliceTask(id))).status === "completed");
});
