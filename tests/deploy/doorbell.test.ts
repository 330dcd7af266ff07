import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { createDoorbell } from "../../shared/wake-up.ts";
import { startHttpDouble } from "../support/http-double.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const tasks = "/services/sync/users/alice/tasks";

test.each([
  ["a submission", "POST", tasks],
  ["a cancellation", "POST", "/services/sync/tasks/1/cancel?user_id=alice"],
  ["a deletion", "DELETE", "/services/sync/tasks/1?user_id=alice"],
])("%s rings the dispatcher", async (_, method, path) => {
  const dispatcher = await startHttpDouble();
  const silent = await startServiceForTest(redis.url);
  await silent.post(tasks);
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: `${dispatcher.url}/bell` });
  expect((await service.request(method, path)).status).toBeLessThan(300);
  await until(() => dispatcher.seen.length === 1);
  expect(dispatcher.seen[0]).toMatchObject({ url: "/bell", headers: { "content-length": "0" } });
});

test("a dispatcher that never answers does not keep a client waiting", async () => {
  const dispatcher = await startHttpDouble(() => {});
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: dispatcher.url });
  for (let task = 0; task < 5; task += 1) expect((await service.post(tasks)).status).toBe(202);
});

test("a dispatcher that is away is a warning and no fault", async () => {
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: "http://127.0.0.1:1" });
  expect((await service.post(tasks)).status).toBe(202);
  await until(() => service.logs.some(({ level, msg }) => level === "warn" && msg === "bell was not heard"));
});

test("many rings are one now and one 50 ms later", async () => {
  const dispatcher = await startHttpDouble();
  const bell = createDoorbell(dispatcher.url, collectLog(testConfig(redis.url)).log);
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  for (let ring = 0; ring < 100; ring += 1) bell.ring();
  for (const count of [1, 2]) {
    await until(() => dispatcher.seen.length === count);
    bell.ring();
    vi.advanceTimersByTime(49);
    // What had been sent by now would arrive before this.
    await fetch(dispatcher.url);
    expect(dispatcher.seen.splice(count)).toHaveLength(1);
    vi.advanceTimersByTime(1);
  }
  await until(() => dispatcher.seen.length === 3);
});

test("rings without an answer do not pile up, and what they have left out is rung when one is answered", async () => {
  const held = new Set<ServerResponse>();
  const dispatcher = await startHttpDouble((response) => void held.add(response));
  const bell = createDoorbell(dispatcher.url, collectLog(testConfig(redis.url)).log);
  const ringing = setInterval(() => bell.ring(), 10);
  onTestFinished(() => clearInterval(ringing));
  await until(() => held.size === 4);
  await pause(200);
  expect(held.size).toBe(4);
  clearInterval(ringing);
  for (const response of [...held]) response.end("{}");
  await until(() => held.size === 5);
});
