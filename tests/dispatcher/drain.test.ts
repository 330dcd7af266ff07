import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { drain } from "../../functions/background/dispatcher/drain.ts";
import { createSchedulerClient, policyOf } from "../../functions/background/dispatcher/index.ts";
import { startRedisServer } from "../../local/redis-server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { createServices } from "../../shared/services.ts";
import { isUnavailable } from "../../task-state/index.ts";
import { alice } from "../task-state/support.ts";
import { startScriptedScheduler } from "./scheduler.ts";

/** Longer than the test may take. */
const budgetMs = 60_000;

test("a drain whose Redis dies ends at once with its error, and not at the end of its budget", async () => {
  const server = await startRedisServer();
  const scheduler = await startScriptedScheduler();
  const config = loadConfig({
    DMS_REDIS_WRITE_URL: server.url,
    DMS_SCHEDULER_BASE_URL: scheduler.url,
    DMS_EVENT_WORKER_COUNT: "1",
  });
  const services = createServices(config, createLogger({ appName: "test", logLevel: "fatal" }));
  const blocking = services.redis.openBlocking();
  const client = createSchedulerClient(config, 1);
  onTestFinished(async () => {
    services.redis.close();
    await client.close();
    await scheduler.stop();
    await server.stop("SIGKILL");
  });
  await Promise.all([services.redis.untilReady(2000), once(blocking, "ready")]);
  for (let count = 0; count < 20; count += 1) await services.store.submit(alice, {});
  scheduler.answer(async () => {
    await server.stop("SIGKILL");
    return 202;
  });
  const options = { ...services, client, policy: policyOf(config), concurrency: 1, shutdownGrace: 0 };
  const budget = { signal: AbortSignal.timeout(budgetMs), finishMs: 500 };
  const failure = await drain(options, blocking, budget).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isUnavailable(failure)).toBe(true);
  expect(budget.signal.aborted).toBe(false);
  expect(scheduler.requests).toHaveLength(1);
});
