import type { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { startDevelopmentScheduler } from "../../../local/development-scheduler/server.ts";
import { startRedisServer } from "../../../local/redis-server.ts";
import { startLocalServer } from "../../../local/server.ts";
import { loadConfig } from "../../../shared/config.ts";
import { createLogger } from "../../../shared/logger.ts";
import { createServices } from "../../../shared/services.ts";
import type { Owner, TaskStore } from "../../../task-state/index.ts";
import { type Run, type RunOptions, run } from "./run.ts";

export const operatorToken = "token-of-the-tests";

export interface ServiceOptions {
  /** Time between two steps of a job. @default 60 */
  readonly stepMs?: number;
  /** Steps of a job. @default 5 */
  readonly steps?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A running service with all its parts. */
export interface Service {
  readonly apiBase: string;
  readonly store: TaskStore;
  readonly redis: Redis;
  /** A new user of this test, and the environment of the command line for that user. */
  newUser(): { owner: Owner; env: Record<string, string>; run(...args: string[]): Promise<Run> };
  /** Runs the command line against the service. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** Stops the HTTP server and the dispatcher; Redis stays. */
  stopServer(): Promise<void>;
  /** Starts them again at the same address. */
  startServer(): Promise<void>;
}

/** The real service for one test file: Redis, a scheduler whose jobs take a moment, the local server. */
export function useService({ stepMs = 60, steps = 5, env = {} }: ServiceOptions = {}): Service {
  const stops: (() => Promise<void>)[] = [];
  let users = 0;
  let port = 0;
  let store: TaskStore | undefined;
  let client: Redis | undefined;
  let startServer: () => Promise<void> = async () => {};
  let stopServer: () => Promise<void> = async () => {};

  beforeAll(async () => {
    const redis = await startRedisServer();
    stops.push(() => redis.stop("SIGKILL"));
    const given: Record<string, string> = {
      DMS_REDIS_WRITE_URL: redis.url,
      DMS_OPERATOR_TOKEN: operatorToken,
      DMS_CLI_DEFAULT_HOST: "127.0.0.1",
      DMS_SHUTDOWN_GRACE_SECONDS: "0",
      DMS_LOG_LEVEL: "CRITICAL",
      ...env,
    };
    const log = createLogger(loadConfig(given), { write: () => {} });
    const services = createServices(loadConfig(given), log);
    stops.push(async () => services.redis.close());
    await services.redis.untilReady(2000);
    store = services.store;
    client = services.redis.primary;
    const scheduler = await startDevelopmentScheduler({ store, redis: services.redis.primary, log, stepMs, steps });
    stops.push(() => scheduler.stop());
    given.DMS_SCHEDULER_BASE_URL = scheduler.url;
    startServer = async () => {
      const config = loadConfig({ ...given, DMS_CLI_DEFAULT_PORT: String(port) });
      const server = await startLocalServer(config, log);
      port = Number(new URL(server.address).port);
      stopServer = () => server.stop();
    };
    await startServer();
  });
  afterAll(async () => {
    await stopServer();
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  const service: Service = {
    get apiBase() {
      return `http://127.0.0.1:${port}/api/v1`;
    },
    get store() {
      if (!store) throw new Error("the service of this file has not started");
      return store;
    },
    get redis() {
      if (!client) throw new Error("the service of this file has not started");
      return client;
    },
    newUser() {
      const owner = { service: "sync", user: `user${++users}` };
      const own = { DMS_API_BASE: service.apiBase, DMS_SERVICE: owner.service, DMS_USER: owner.user };
      return { owner, env: own, run: (...args) => run(args, { env: own }) };
    },
    run: (args, options = {}) => run(args, { ...options, env: { DMS_API_BASE: service.apiBase, ...options.env } }),
    stopServer: () => stopServer(),
    startServer: () => startServer(),
  };
  return service;
}
