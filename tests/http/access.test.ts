import { expect, onTestFinished, test } from "vitest";
import { unavailableDetails } from "../../shared/http/unavailable.ts";
import { keys } from "../../task-state/index.ts";
import { type ScriptedScheduler, startScriptedScheduler } from "../dispatcher/scheduler.ts";
import { type Access, leastAccess, limitedUrl, limitUser, withoutCommand, withoutKeys } from "../support/access.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { contents, foreignRecord, tracesOf } from "../task-state/support.ts";
import { aliceTask, aliceTasks, detailIn, expectProblem, idsIn, operator, submit, taskIn } from "./support.ts";

const redis = useRedis();

async function startLimited(access: Access, environment: Record<string, string> = {}): Promise<TestService> {
  await limitUser(redis, access);
  return startServiceForTest(limitedUrl(redis), environment);
}

async function startScheduler(): Promise<ScriptedScheduler> {
  const scheduler = await startScriptedScheduler();
  onTestFinished(() => scheduler.stop());
  return scheduler;
}

const complaints = ({ logs }: TestService) =>
  logs.filter(({ level }) => level === "warn" || level === "error" || level === "fatal");
const lacking = ({ logs }: TestService) => logs.filter(({ missing }) => missing !== undefined);

test("with the minimum rights a task completes its whole lifecycle, and nothing is refused", async () => {
  const scheduler = await startScheduler();
  const service = await startLimited(leastAccess, {
    DMS_EVENT_WORKER_COUNT: "4",
    DMS_SCHEDULER_BASE_URL: scheduler.url,
    DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: "2",
    DMS_DISPATCH_RATE_PER_SECOND: "500",
    DMS_JANITOR_INTERVAL_SECONDS: "1",
  });
  const running = async (id: string) =>
    until(async () => taskIn(await service.get(aliceTask(id))).status === "running");
  const first = await submit(service, "?src=/a");
  const once = { headers: { "idempotency-key": "key" } };
  const second = await service.post(`${aliceTasks}?src=/b`, once);
  expect([second.status, (await service.post(`${aliceTasks}?src=/b`, once)).text]).toEqual([202, second.text]);
  await running(first);
  await running("2");
  const record = String(await redis.client.get(keys.record(first)));
  await redis.client.set(keys.record(first), record.replace('"running"', '"completed"'));
  expect(idsIn(await service.get(aliceTasks))).toEqual([first, "2"]);
  expect((await service.get("/services/sync/users")).body).toEqual({ users: ["alice"] });

  expect((await service.post(aliceTask("2", "/cancel"))).status).toBe(200);
  await until(() => scheduler.ids("cancel").includes("2"));
  expect((await service.get(aliceTask("2", "/explain"))).status).toBe(200);
  for (const id of [first, "2"]) expect((await service.delete(aliceTask(id))).status).toBe(200);

  scheduler.answer(() => ({ status: 422, detail: "no" }));
  const refused = await submit(service);
  await until(async () => taskIn(await service.get(aliceTask(refused))).status === "failed");
  scheduler.answer(() => 503);
  const failing = await submit(service);
  await until(() => scheduler.ids("submit").filter((id) => id === failing).length > 2);
  expect((await service.post("/admin/dispatch/pause", operator)).status).toBe(200);
  scheduler.answer(() => 202);
  const held = await submit(service);
  await until(async () => (await redis.client.sismember(keys.held, held)) === 1);
  expect((await service.get("/admin/dispatch", operator)).body).toMatchObject({ state: "paused" });
  expect((await service.post("/admin/dispatch/resume", operator)).status).toBe(200);
  await running(held);
  await running(failing);
  expect((await service.get("/admin/dead-letters", operator)).status).toBe(200);
  await until(async () => (await tracesOf(redis.client, first)).length <= 2);
  expect(complaints(service).filter(({ cause }) => /NOPERM|The user executing/.test(String(cause)))).toEqual([]);
  expect(lacking(service)).toEqual([]);
});

test("a function with missing rights logs them in one line, and starts", async () => {
  const service = await startLimited(withoutCommand("xadd"));
  await until(() => lacking(service).length === 1);
  expect(lacking(service)).toMatchObject([{ level: "error", missing: ["XADD dms:work"] }]);
  expect((await service.get("/healthz")).status).toBe(200);
});

test("a dispatcher that may only read the blocks logs the missing rights; a server without a dispatcher does not", async () => {
  const access = withoutKeys("~blocks:*", ["%R~blocks:*"]);
  const scheduler = await startScheduler();
  const dispatching = await startLimited(access, {
    DMS_EVENT_WORKER_COUNT: "1",
    DMS_SCHEDULER_BASE_URL: scheduler.url,
  });
  await until(() => lacking(dispatching).length === 1);
  expect(lacking(dispatching)[0]?.missing).toEqual([`EVALSHA ${keys.blocksAll}`]);
  const plain = await startLimited(access);
  expect((await plain.get(aliceTasks)).status).toBe(200);
  expect(lacking(plain)).toEqual([]);
});

test("missing rights are reported again after a reconnect", async () => {
  const service = await startLimited(leastAccess);
  expect((await service.get(aliceTasks)).status).toBe(200);
  expect(lacking(service)).toEqual([]);
  await limitUser(redis, withoutCommand("hdel"));
  await redis.client.client("KILL", "USER", "limited");
  await until(() => lacking(service).length === 1);
  expect(lacking(service)[0]?.missing).toContain(`HDEL ${keys.sidecar("*")}`);
});

const taken: [name: string, access: Access][] = [
  ...["set", "hset", "xadd", "sadd", "zadd", "expire", "incrby", "exists", "evalsha"].map((name): [string, Access] => [
    name,
    withoutCommand(name),
  ]),
  ...["~task:*", "~index:*", "~dms:*"].map((pattern): [string, Access] => [
    `writing ${pattern}`,
    withoutKeys(pattern, [`%R${pattern}`]),
  ]),
];

test.each(taken)("without %s, taken at run time, a submission is 503 and leaves nothing", async (_, access) => {
  const service = await startLimited(leastAccess);
  const id = await submit(service);
  const before = await contents(redis.client);
  await limitUser(redis, access);
  for (const init of [{}, { headers: { "idempotency-key": "key" } }]) {
    const reply = await service.post(`/services/sync/users/bob/tasks?src=/a`, init);
    expectProblem(reply, 503);
    expect(reply.text).not.toMatch(/NOPERM|script/);
    expect(detailIn(reply)).toBe(unavailableDetails.submission.refused);
  }
  expect(await contents(redis.client)).toEqual(before);
  await limitUser(redis, leastAccess);
  expect(taskIn(await service.get(aliceTask(id))).status).toBe("pending");
});

test("a submission whose wait for replicas is refused says that the task may exist", async () => {
  const service = await startLimited(withoutCommand("wait"), { DMS_REDIS_WAIT_REPLICAS: "1" });
  const reply = await service.post(aliceTasks);
  expectProblem(reply, 503);
  expect(detailIn(reply)).toMatch(/task 1 .*may exist/);
  expect(idsIn(await service.get(aliceTasks))).toEqual(["1"]);
});

test("a damaged id sequence is 503, and is reported by the health check and once in the log", async () => {
  const service = await startLimited(leastAccess);
  await redis.client.set(keys.sequence, "abc");
  for (let round = 0; round < 3; round += 1) {
    const reply = await service.post(aliceTasks);
    expectProblem(reply, 503);
    expect(detailIn(reply)).toContain("the sequence of task ids is damaged");
  }
  const health = await service.get("/healthz");
  expect(health.status).toBe(503);
  expect(health.body).toMatchObject({
    status: "error",
    redis: { connected: true, message: expect.stringContaining("sequence of task ids is damaged") },
  });
  await until(() => complaints(service).length > 0);
  expect(complaints(service)).toMatchObject([
    { fault: "sequence_damaged", msg: expect.stringContaining(keys.sequence) },
  ]);
  await redis.client.set(keys.sequence, "41");
  expect(await submit(service)).toBe("42");
  expect((await service.get("/healthz")).status).toBe(200);
});

test.each([
  ["no id after the sequence is free", "9223372036854775806", ["9223372036854775807"]],
  ["thousands of ids are used that no index lists", "0", Array.from({ length: 1500 }, (_, index) => String(index + 1))],
])("the health check is 503 when %s, as a submission is", async (_, sequence, used) => {
  const service = await startLimited(leastAccess);
  await redis.client.set(keys.sequence, sequence);
  await redis.client.mset(used.flatMap((id) => [keys.record(id), foreignRecord(id)]));
  const health = await service.get("/healthz");
  expect(health.status).toBe(503);
  expect(health.body).toMatchObject({ status: "error", redis: { connected: true } });
  expectProblem(await service.post(aliceTasks), 503);
  await redis.client.set(keys.sequence, "2000");
  expect((await service.get("/healthz")).status).toBe(200);
  expect(await submit(service)).toBe("2001");
});
