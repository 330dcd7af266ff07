import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { createWakeUp } from "../../shared/wake-up.ts";
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
])("%s wakes the dispatcher", async (_, method, path) => {
  const dispatcher = await startHttpDouble();
  const silent = await startServiceForTest(redis.url);
  await silent.post(tasks);
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: `${dispatcher.url}/wake-up` });
  expect((await service.request(method, path)).status).toBeLessThan(300);
  await until(() => dispatcher.seen.length === 1);
  expect(dispatcher.seen[0]).toMatchObject({ url: "/wake-up", headers: { "content-length": "0" } });
});

test("a dispatcher that never answers does not keep a client waiting", async () => {
  const dispatcher = await startHttpDouble(() => {});
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: dispatcher.url });
  for (let task = 0; task < 5; task += 1) expect((await service.post(tasks)).status).toBe(202);
});

test("an unavailable dispatcher is a warning, not an error", async () => {
  const service = await startServiceForTest(redis.url, { DMS_DISPATCHER_URL: "http://127.0.0.1:1" });
  expect((await service.post(tasks)).status).toBe(202);
  await until(() => service.logs.some(({ level, msg }) => level === "warn" && msg === "could not wake the dispatcher"));
});

test("many wake-up calls become one now and one 50 ms later", async () => {
  const dispatcher = await startHttpDouble();
  const wakeUp = createWakeUp(dispatcher.url, collectLog(testConfig(redis.url)).log);
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  for (let call = 0; call < 100; call += 1) wakeUp.send();
  for (const count of [1, 2]) {
    await until(() => dispatcher.seen.length === count);
    wakeUp.send();
    vi.advanceTimersByTime(49);
    // A call that had been sent by now would arrive before this request.
    await fetch(dispatcher.url);
    expect(dispatcher.seen.splice(count)).toHaveLength(1);
    vi.advanceTimersByTime(1);
  }
  await until(() => dispatcher.seen.length === 3);
});

test("unanswered wake-up calls are limited, and a skipped call is sent when one is answered", async () => {
  const held = new Set<ServerResponse>();
  const dispatcher = await startHttpDouble((response) => void held.add(response));
  const wakeUp = createWakeUp(dispatcher.url, collectLog(testConfig(redis.url)).log);
  const calling = setInterval(() => wakeUp.send(), 10);
  onTestFinished(() => clearInterval(calling));
  await until(() => held.size === 4);
  await pause(200);
  expect(held.size).toBe(4);
  clearInterval(calling);
  for (const response of [...held]) response.end("{}");
  await until(() => held.size === 5);
});
