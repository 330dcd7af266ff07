import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { keys } from "../../task-state/index.ts";
import { idsIn, messagesOf, operator, submit, taskIn } from "../http/support.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { tracesOf } from "../task-state/support.ts";

const redis = useRedis();
const main = new URL("../../examples/external-status-service/main.ts", import.meta.url).pathname;
const task = (verb = "") => `/services/index/tasks/1${verb}?user_id=alice`;

/** Runs the example to its end. */
function run(environment: Record<string, string>) {
  return promisify(execFile)(process.execPath, [main], { env: { ...process.env, ...environment }, timeout: 15_000 });
}

const runHere = (stepMs: number) => run({ REDIS_URL: redis.url, STEP_MS: String(stepMs) });

/** A scheduler that accepts everything and records the ids of its tasks. */
async function startListener(): Promise<{ readonly url: string; readonly received: string[] }> {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    received.push(z.object({ task_id: z.string() }).parse(await json(request)).task_id);
    response.writeHead(202, { "content-type": "application/json" }).end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, received };
}

/** A service whose dispatcher uses this scheduler. */
function startServiceWith({ url }: { readonly url: string }): Promise<TestService> {
  return startServiceForTest(redis.url, { DMS_EVENT_WORKER_COUNT: "4", DMS_SCHEDULER_BASE_URL: url });
}

test("its task goes from registered to completed, and it prints each step", async () => {
  const { stdout, stderr } = await runHere(1);
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n")).toEqual([
    "task 1 is registered",
    "task 1 is running: Indexing started",
    "task 1 is running: Indexed /pvs/a",
    "task 1 is running: Indexed /pvs/b",
    "task 1 is running: Indexed /pvs/c",
    "task 1 is completed: Indexing completed",
  ]);
  const service = await startServiceForTest(redis.url);
  const reply = await service.get(task());
  expect(reply.text).toBe(`{"task":${await redis.client.get(keys.record("1"))}}`);
  const record = taskIn(reply);
  expect(record).toMatchObject({
    service: "index",
    user_id: "alice",
    status: "completed",
    parameters: { path: "/pvs/a,/pvs/b,/pvs/c" },
    result: { pod_status: null, launcher_output: "3 of 3 directories indexed" },
  });
  expect(messagesOf(record)).toEqual([
    "Indexing started",
    "Indexed /pvs/a",
    "Indexed /pvs/b",
    "Indexed /pvs/c",
    "Indexing completed",
  ]);
});

test("every list contains its task, and no dispatcher touches it", async () => {
  const scheduler = await startListener();
  const service = await startServiceWith(scheduler);
  const done = runHere(20);
  const seen = await until(async () => (await service.get(task())).status === 200);
  expect(seen).toBe(true);
  await done;
  for (const path of ["/services/index/users/alice/tasks", "/admin/tasks", "/admin/services/index/tasks?limit=5"]) {
    expect(idsIn(await service.get(path, operator))).toEqual(["1"]);
  }
  expect((await service.get("/services/index/users")).body).toEqual({ users: ["alice"] });
  const ordinary = await submit(service);
  await until(() => scheduler.received.includes(ordinary));
  expect(scheduler.received).toEqual([ordinary]);
  expect(messagesOf(taskIn(await service.get(task())))).not.toContain("Dispatching to scheduler");
});

test("when its task is cancelled, it stops and records that, and the scheduler receives nothing", async () => {
  const scheduler = await startListener();
  const service = await startServiceWith(scheduler);
  const done = runHere(300);
  await until(async () => taskIn(await service.get(task())).status === "running");
  expect(taskIn(await service.post(task("/cancel"))).status).toBe("cancel_requested");
  expect((await done).stdout).toMatch(/task 1 was cancelled; the work is stopped\n$/);
  const record = taskIn(await service.get(task()));
  expect(record.status).toBe("cancelled");
  expect(messagesOf(record).slice(-2)).toEqual(["Cancellation requested", "Indexing stopped"]);
  expect(scheduler.received).toEqual([]);
});

test("when its task is deleted, it stops and restores nothing, and the scheduler receives nothing", async () => {
  const scheduler = await startListener();
  const service = await startServiceWith(scheduler);
  const done = runHere(300);
  await until(async () => taskIn(await service.get(task())).status === "running");
  expect((await service.delete(task())).status).toBe(200);
  expect((await done).stdout).toMatch(/task 1 was deleted; nothing is left to do\n$/);
  expect((await service.get(task())).status).toBe(404);
  expect(await tracesOf(redis.client, "1")).toEqual([keys.deleted, keys.deletedOwners]);
  expect(scheduler.received).toEqual([]);
});

test("without REDIS_URL it reports the missing variable and fails", async () => {
  const environment = { ...process.env, REDIS_URL: undefined };
  const failed = await promisify(execFile)(process.execPath, [main], { env: environment }).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^REDIS_URL is not set: .*\n$/) });
});
