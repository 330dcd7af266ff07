import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { contents } from "../task-state/support.ts";
import { aliceTask, expectProblem, operator, submit, taskIn } from "./support.ts";

const service = useService();
const nothing = {
  state: "running",
  waiting: 0,
  in_flight: 0,
  delayed: 0,
  held: 0,
  dead: 0,
  oldest_waiting_seconds: 0,
  dispatchers: [],
};

test.each([
  ["GET", "/admin/dispatch"],
  ["POST", "/admin/dispatch/pause"],
  ["POST", "/admin/dispatch/resume"],
])("%s %s without the right token is 401 and changes nothing", async (method, path) => {
  await service.post("/admin/dispatch/pause", operator);
  const before = await contents(service.redis.client);
  for (const token of ["", "wrong"]) {
    expectProblem(await service.request(method, path, { headers: { "x-operator-token": token } }), 401);
  }
  expectProblem(await service.request(method, path), 401);
  expect(await contents(service.redis.client)).toEqual(before);
});

test("the state of an empty queue", async () => {
  const reply = await service.get("/admin/dispatch", operator);
  expect([reply.status, reply.body]).toEqual([200, nothing]);
});

test("the state contains the number of waiting tasks, and how long the first has waited", async () => {
  await service.redis.client.xadd(keys.work, `${Date.now() - 60_000}-0`, "id", "99");
  await submit(service);
  const { body } = await service.get("/admin/dispatch", operator);
  expect(body).toEqual({ ...nothing, waiting: 2, oldest_waiting_seconds: expect.closeTo(60, 0) });
});

test("pause and resume answer with the state, and may be repeated", async () => {
  for (const state of ["paused", "paused", "running", "running"]) {
    const reply = await service.post(`/admin/dispatch/${state === "paused" ? "pause" : "resume"}`, operator);
    expect([reply.status, reply.body]).toEqual([200, { ...nothing, state }]);
    expect((await service.get("/admin/dispatch", operator)).body).toMatchObject({ state });
  }
});

test("a pause also applies to a service that starts later, with its dispatcher, until it is resumed there", async () => {
  await service.post("/admin/dispatch/pause", operator);
  const id = await submit(service);
  const other = await startServiceForTest(service.redis.url, {
    DMS_EVENT_WORKER_COUNT: "1",
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9",
  });
  await until(async () => (await service.get("/admin/dispatch", operator)).text.includes('"held":1'));
  expect(taskIn(await service.get(aliceTask(id)))).toMatchObject({ status: "pending", logs: [] });
  await other.post("/admin/dispatch/resume", operator);
  await until(async () => (taskIn(await service.get(aliceTask(id))).logs ?? []).length > 0);
});
