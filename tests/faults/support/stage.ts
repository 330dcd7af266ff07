import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../local/redis-server.ts";
import { redisOptions } from "../../../shared/redis-url.ts";
import { startService } from "../../support/service.ts";
import { type Client, createClient } from "./client.ts";
import { seed } from "./run.ts";
import { type FaultScheduler, type SchedulerSettings, startFaultScheduler } from "./scheduler.ts";
import { type Environment, type ServiceProcess, serviceProcess } from "./service-process.ts";

/** Waits as short as they may be, so that every way out is taken within seconds. */
export const quick: Environment = {
  DMS_REQUEST_TIMEOUT_SECONDS: "0.5",
  DMS_DISPATCH_GRACE_SECONDS: "0.5",
  DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.02",
  DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.2",
  DMS_DISPATCH_MAX_ATTEMPTS: "1000",
};

export interface StageOptions {
  readonly scheduler?: Partial<SchedulerSettings>;
  readonly environment?: Environment;
  /** Dispatcher processes. @default 1 */
  readonly dispatchers?: number;
  /** API processes; without any the API runs in the process of the tests. @default 0 */
  readonly apis?: number;
  /** Settings of the dispatchers alone. */
  readonly dispatcherEnvironment?: Environment;
  /** A Redis that somebody else starts and stops. @default one without persistence */
  readonly redisUrl?: string;
}

/** Redis, scheduler, API and dispatchers. */
export interface Stage {
  readonly redisUrl: string;
  /** Of all service processes. */
  readonly environment: Environment;
  /** To look behind the scenes. */
  readonly redis: Redis;
  readonly scheduler: FaultScheduler;
  readonly dispatchers: readonly ServiceProcess[];
  readonly apis: readonly ServiceProcess[];
  /** Where an API listens, one of those that run by turns. */
  address(): string;
  /** A client of it. */
  readonly client: Client;
  close(): Promise<void>;
}

/** Refuses connections: what a client meets whose service does not run. */
const nowhere = "http://127.0.0.1:1";

/** Starts all of it. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const stops: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const redisUrl = options.redisUrl ?? (await ownRedis(stops)).url;
    const redis = observe(redisUrl);
    stops.push(async () => redis.disconnect());
    const scheduler = await startFaultScheduler({ redisUrl, seed, ...options.scheduler });
    stops.push(() => scheduler.stop());
    const environment: Environment = {
      ...quick,
      DMS_REDIS_WRITE_URL: redisUrl,
      DMS_SCHEDULER_BASE_URL: scheduler.url,
      ...options.environment,
    };
    const start = async (count: number, settings: Environment) => {
      const processes = Array.from({ length: count }, () => serviceProcess({ ...environment, ...settings }));
      stops.push(() => Promise.all(processes.map((process) => process.kill())));
      await Promise.all(processes.map((process) => process.start()));
      return processes;
    };
    const [dispatchers, apis] = await Promise.all([
      start(options.dispatchers ?? 1, { DMS_EVENT_WORKER_COUNT: "8", ...options.dispatcherEnvironment }),
      start(options.apis ?? 0, { DMS_EVENT_WORKER_COUNT: "0" }),
    ]);
    const inProcess = apis.length > 0 ? undefined : await startService(redisUrl, environment);
    stops.push(async () => inProcess?.stop());
    let turn = 0;
    const address = () => {
      if (inProcess) return inProcess.address;
      const running = apis.filter((api) => api.address !== "");
      turn += 1;
      return running[turn % running.length]?.address ?? nowhere;
    };
    return {
      redisUrl,
      environment,
      redis,
      scheduler,
      dispatchers,
      apis,
      address,
      client: createClient(address),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A connection that waits for its Redis as long as it takes. */
function observe(url: string): Redis {
  const options = { retryStrategy: () => 50, maxRetriesPerRequest: null, replyMapping: "legacy" } as const;
  const sentinel = redisOptions(url);
  const redis = sentinel ? new Redis({ ...sentinel, ...options }) : new Redis(url, options);
  redis.on("error", () => {});
  return redis;
}

async function ownRedis(stops: (() => Promise<unknown>)[]): Promise<RedisServer> {
  const server = await startRedisServer();
  stops.push(() => server.stop("SIGKILL"));
  return server;
}
