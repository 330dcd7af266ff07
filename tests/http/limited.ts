import { onTestFinished } from "vitest";
import { httpFunctions } from "../../functions/index.ts";
import { buildApp } from "../../shared/http/app.ts";
import { defaultLimits, type Limits } from "../../shared/http/limits/limits.ts";
import { closeApp } from "../../shared/runtime/close-app.ts";
import { createServices } from "../../shared/services.ts";
import { keys, type TaskStore } from "../../task-state/index.ts";
import type { TestRedis } from "../support/redis.ts";
import type { LogLine } from "../support/service.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { alice } from "../task-state/support.ts";

export interface LimitedService {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  readonly store: TaskStore;
  readonly logs: readonly LogLine[];
}

/** Serves every function with these limits until the end of the test. */
export async function startLimited(redis: TestRedis, limits: Partial<Limits>): Promise<LimitedService> {
  const config = testConfig(redis.url, { DMS_LOG_LEVEL: "WARNING" });
  const { log, lines } = collectLog(config);
  const services = createServices(config, log);
  const app = buildApp(httpFunctions, services, { ...defaultLimits, ...limits });
  await services.redis.untilReady();
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await closeApp(app, 0);
    services.redis.close();
  });
  return { address, store: services.store, logs: lines };
}

/** Submits tasks of alice with 64 KiB of parameters each. */
export async function submitLarge(store: TaskStore, count: number): Promise<void> {
  const filler = "x".repeat(64 * 1024);
  for (let index = 0; index < count; index += 1) await store.submit(alice, { filler });
}

/** Bytes that Redis has sent to all its clients. */
export async function bytesSentBy({ client }: TestRedis): Promise<number> {
  return Number(/total_net_output_bytes:(\d+)/.exec(await client.info("stats"))?.[1]);
}

/** Bytes of these tasks' records. */
export async function bytesOf({ client }: TestRedis, count: number): Promise<number> {
  const raws = await client.mget(Array.from({ length: count }, (_, index) => keys.record(String(index + 1))));
  return raws.reduce((sum, raw) => sum + (raw?.length ?? 0), 0);
}
