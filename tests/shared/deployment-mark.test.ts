import { beforeEach, expect, test } from "vitest";
import { createServices } from "../../shared/services.ts";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { type LogLine, startServiceForTest } from "../support/service.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
beforeEach(() => redis.client.flushall());

const healthy = { status: "ok", redis: { connected: true } };
const conflicts = (lines: readonly LogLine[]) => lines.filter(({ found }) => found !== undefined);

test("the first process of a deployment sets its mark, and further ones of it find it in order", async () => {
  const start = () => startServiceForTest(redis.url, { DMS_DEPLOYMENT: "one" });
  const first = await start();
  await until(async () => (await redis.client.get(keys.deployment)) === "one");
  expect(await redis.client.ttl(keys.deployment)).toBe(-1);
  const second = await start();
  for (const service of [first, second]) {
    expect((await service.get("/healthz")).body).toEqual(healthy);
    expect(conflicts(service.logs)).toEqual([]);
  }
});

test("a process that finds another deployment's mark leaves it, logs both names, and warns in /healthz", async () => {
  await redis.client.set(keys.deployment, "one");
  const service = await startServiceForTest(redis.url, { DMS_DEPLOYMENT: "two" });
  await until(() => conflicts(service.logs).length > 0);
  expect(conflicts(service.logs)).toMatchObject([{ level: "error", deployment: "two", found: "one" }]);
  const { status, body, text } = await service.get("/healthz");
  expect([status, body]).toEqual([200, { ...healthy, warnings: [expect.stringMatching(/another deployment/i)] }]);
  expect(text).not.toContain("one");
  expect(await redis.client.get(keys.deployment)).toBe("one");
});

test("the warning ends when the database is free again", async () => {
  await redis.client.set(keys.deployment, "one");
  const service = await startServiceForTest(redis.url, { DMS_DEPLOYMENT: "two" });
  expect((await service.get("/healthz")).body).toHaveProperty("warnings");
  await redis.client.del(keys.deployment);
  expect((await service.get("/healthz")).body).toEqual(healthy);
  expect(await redis.client.get(keys.deployment)).toBe("two");
});

test("a process without a name neither sets a mark nor reports one", async () => {
  const service = await startServiceForTest(redis.url);
  expect((await service.get("/healthz")).body).toEqual(healthy);
  expect(await redis.client.exists(keys.deployment)).toBe(0);
  await redis.client.set(keys.deployment, "one");
  expect((await service.get("/healthz")).body).toEqual(healthy);
});

test("without Redis nothing is known of another deployment", async () => {
  const config = testConfig("redis://127.0.0.1:1/0", { DMS_DEPLOYMENT: "one" });
  const services = createServices(config, collectLog(config).log);
  try {
    expect(await services.deployment.other()).toBeUndefined();
  } finally {
    services.redis.close();
  }
});
