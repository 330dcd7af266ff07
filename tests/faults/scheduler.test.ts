import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createContext, createTaskStore, keys, type TaskRecord } from "../../task-state/index.ts";
import { parseRecord } from "../support/record.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import type { Harm } from "./scheduler/settings.ts";
import { type FaultScheduler, startFaultScheduler } from "./support/scheduler.ts";

const redis = useRedis();
const alice = { service: "sync", user: "alice" };
let scheduler: FaultScheduler;
beforeAll(async () => {
  scheduler = await startFaultScheduler({ redisUrl: redis.url, seed: 1, writeDelay: [0, 5], startDelay: 100 });
});
afterAll(() => scheduler?.stop());

let tests = 0;
// The scheduler remembers every task, so no id may come again when Redis has been emptied.
beforeEach(async () => {
  tests += 1;
  await redis.client.set(keys.sequence, tests * 100);
});

const forever = { ms: "60000" };
const create = (parameters: Record<string, string> = {}) =>
  createTaskStore(createContext({ primary: redis.client })).register(alice, parameters);
const read = async (id: string) => parseRecord((await redis.client.get(keys.record(id))) ?? "");
const overwrite = async (id: string, change: Partial<TaskRecord>) =>
  redis.client.set(keys.record(id), JSON.stringify({ ...(await read(id)), ...change }));
const untilStatus = (id: string, status: string) => until(async () => (await read(id))?.status === status);
const harmOf = async (id: string) =>
  (await scheduler.report()).harmed.filter((one) => one.id === id).map(({ harm }) => harm);
const untilHarm = (id: string, harm: Harm) => until(async () => (await harmOf(id)).includes(harm));

async function post(path: string, body: object) {
  const response = await fetch(scheduler.url + path, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}
const submit = async (id: string) => {
  const { parameters = {} } = (await read(id)) ?? {};
  return post("/task", { task_id: id, service: "sync", user_id: "alice", parameters });
};
const cancel = (id: string, user = "alice") => post("/cancel", { task_id: id, service: "sync", user_id: user });

async function running(): Promise<string> {
  const id = await create(forever);
  await submit(id);
  await untilStatus(id, "running");
  return id;
}

test("a task is accepted, runs and completes without harm, and keeps no field that the Python side does not know", async () => {
  const id = await create();
  await overwrite(id, { note: "ours" });
  expect(await submit(id)).toEqual({ status: 202, body: { task_id: id, status: "dispatching" } });
  expect(["dispatching", "running"]).toContain((await read(id))?.status);
  await until(async () => (await read(id))?.active_jobs?.length === 1);
  await untilStatus(id, "completed");
  const record = await read(id);
  expect(record).not.toHaveProperty("note");
  expect(record?.logs?.map((entry) => entry.split(",")[1])).toEqual([
    "Task accepted by scheduler",
    "Job started",
    "Job completed",
  ]);
  const report = await scheduler.report();
  expect(report.executions[id]).toBe(1);
  expect(await harmOf(id)).toEqual([]);
});

test("a cancel ends the job that runs", async () => {
  const id = await running();
  expect(await cancel(id)).toEqual({ status: 202, body: { task_id: id, status: "cancelled" } });
  expect((await read(id))?.status).toBe("cancelled");
  expect((await scheduler.report()).endings[id]).toEqual(["cancelled"]);
});

test("a cancel of a task without a job is only recorded", async () => {
  const id = await create();
  expect(await cancel(id)).toEqual({ status: 202, body: { task_id: id, status: "cancel_requested" } });
  expect((await read(id))?.status).toBe("cancel_requested");
});

test("what does not fit is answered as the real one answers it", async () => {
  const unknown = { detail: "Task 99999 not found in shared store" };
  const body = { task_id: "99999", service: "sync", user_id: "alice" };
  expect(await post("/task", { ...body, parameters: {} })).toEqual({ status: 404, body: unknown });
  expect(await cancel("99999")).toEqual({ status: 404, body: unknown });
  expect((await post("/task", body)).status).toBe(422);
  const id = await create({ refuse: "no such path" });
  expect(await submit(id)).toEqual({ status: 400, body: { detail: "no such path" } });
  expect((await read(id))?.status).toBe("failed");
  expect((await cancel(await create(), "bob")).status).toBe(403);
});

test("a blocked user's submission leaves the record untouched, and the shared keys show the block", async () => {
  const id = await create();
  const before = await redis.client.get(keys.record(id));
  await scheduler.block(true, "alice");
  expect(await submit(id)).toEqual({ status: 403, body: { detail: "Requests are blocked" } });
  expect(await redis.client.get(keys.blocksUser("alice"))).toBe('{"blocked":true}');
  expect(await redis.client.get(keys.blocksAll)).toBe('{"blocked":false,"blocked_users":["alice"]}');
  expect(await redis.client.get(keys.record(id))).toBe(before);
  await scheduler.block(false, "alice");
  expect((await submit(id)).status).toBe(202);
});

test("a second submission deletes the job of the first and is counted", async () => {
  const id = await running();
  await submit(id);
  expect(await harmOf(id)).toEqual(["second_submission"]);
  expect((await read(id))?.status).toBe("failed");
  expect((await scheduler.report()).endings[id]).toEqual(["deleted"]);
});

test("a submission of an ended task executes it again and is counted", async () => {
  const id = await create();
  await submit(id);
  await untilStatus(id, "completed");
  await until(async () => (await scheduler.report()).endings[id]);
  await submit(id);
  expect(await harmOf(id)).toEqual(["execution_after_end"]);
  expect((await scheduler.report()).executions[id]).toBe(2);
});

test("a submission of a task that is to be cancelled revives it and is counted", async () => {
  const id = await create();
  await cancel(id);
  await submit(id);
  expect(await harmOf(id)).toEqual(["revival"]);
});

test.each(["dispatching", "pending", "failed", "cancelled"] as const)(
  "%s over a running record aborts the task and is counted",
  async (status) => {
    const id = await running();
    await overwrite(id, { status });
    await untilHarm(id, "abort");
    await untilStatus(id, "failed");
  },
);

test("a job whose record disappears before the cancel arrives is counted", async () => {
  const id = await running();
  await redis.client.del(keys.record(id));
  await cancel(id);
  await untilHarm(id, "orphan");
});

test("a job that writes its record back is counted", async () => {
  const id = await create(forever);
  await scheduler.change({ writeDelay: [100, 100] });
  await submit(id);
  await until(async () => (await scheduler.state()).writes === 1);
  await redis.client.del(keys.record(id));
  await untilHarm(id, "resurrection");
  await scheduler.change({ writeDelay: [0, 5] });
});

test("the address refuses connections and takes them again", async () => {
  const id = await create();
  await scheduler.listen(false);
  await expect(submit(id)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  await scheduler.listen(true);
  expect((await submit(id)).status).toBe(202);
});
