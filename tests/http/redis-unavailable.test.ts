import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { startServiceForTest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { foreignRecord } from "../task-state/support.ts";
import {
  answerTimeout,
  expectAllUnavailable,
  expectSick,
  expectUnavailable,
  requestsTo,
  startFragileRedis,
} from "./faults.ts";
import { aliceTask, aliceTasks, idsIn, operator, submit, taskIn } from "./support.ts";

test("while Redis is unavailable every endpoint is 503 in time, and service resumes by itself with every task", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  for (let count = 0; count < 3; count += 1) await submit(service, "?src=/a");
  for (const round of [1, 2]) {
    await redis.kill();
    for (const [name, send] of requestsTo(service)) await expectUnavailable(send, `${name} in round ${round}`);
    await expectSick(service);
    expect((await service.get("/help")).status).toBe(200);
    expect((await fetch(`${service.address}/livez`)).status).toBe(200);
    await redis.startAgain();
    await until(async () => (await service.get("/healthz")).status === 200);
    expect(idsIn(await service.get(aliceTasks))).toEqual(["1", "2", "3"]);
  }
  expect(await submit(service)).toBe("4");
  expect(service.logs.filter(({ level }) => level === "fatal")).toEqual([]);
});

test("every submission that was answered 202 survives a crash of Redis under load, and ids continue", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  const accepted: string[] = [];
  let unavailable = 0;
  const submitOn = async () => {
    while (unavailable < 20) {
      const { status, body } = await service.post(`${aliceTasks}?src=/a`);
      if (status === 503) unavailable += 1;
      else accepted.push((body as { task_id: string }).task_id);
      if (accepted.length === 300) await redis.kill();
    }
  };
  await Promise.all(Array.from({ length: 16 }, submitOn));
  await redis.startAgain();
  await until(async () => (await service.get("/healthz")).status === 200);
  const listed = idsIn(await service.get(aliceTasks));
  expect(accepted.length).toBeGreaterThanOrEqual(300);
  expect(listed).toEqual(expect.arrayContaining(accepted));
  expect(listed).toEqual(listed.toSorted((one, other) => Number(one) - Number(other)));
  expect(Number(await submit(service))).toBeGreaterThan(Math.max(...listed.map(Number)));
});

test("500 concurrent requests while Redis is unavailable are all answered 503 in time", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  await submit(service);
  await redis.kill();
  await expectAllUnavailable(500, () => service.get(aliceTasks));
});

test("a list during which Redis crashes breaks off, so that no client mistakes it for a whole one", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  await saveLongList(redis.connect());
  const response = await fetch(`${service.address}/api/v1/admin/tasks`, operator);
  expect(response.status).toBe(200);
  await redis.kill();
  await expect(response.text()).rejects.toThrow();
  await redis.startAgain();
  await until(async () => (await service.get("/healthz")).status === 200);
});

test("a service that starts before its Redis answers 503, serves once Redis is available, and stops while it is unavailable", async () => {
  const redis = await startFragileRedis();
  const { url } = redis.server;
  await redis.kill();
  const service = await startServiceForTest(url, { DMS_EVENT_WORKER_COUNT: "2" });
  await expectUnavailable(() => service.post(aliceTasks));
  await redis.startAgain();
  await until(async () => (await service.get("/healthz")).status === 200);
  expect(taskIn(await service.get(aliceTask(await submit(service)))).task_id).toBe("1");
  await redis.kill();
  const from = performance.now();
  await service.stop();
  expect(performance.now() - from).toBeLessThan(answerTimeout);
});

/** More than the service and two socket buffers hold for a client that does not read. */
async function saveLongList(client: Redis): Promise<void> {
  const padding = "x".repeat(2048);
  const pipeline = client.pipeline();
  for (let id = 1; id <= 20_000; id += 1) {
    pipeline.set(keys.record(String(id)), foreignRecord(String(id), { parameters: { padding } }));
    pipeline.zadd(keys.ordered(keys.tasks), id, String(id));
  }
  await pipeline.exec();
}
