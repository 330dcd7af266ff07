import { afterAll, beforeAll, onTestFinished } from "vitest";
import type { RedisServerOptions } from "../../local/redis-server.ts";
import { startLocalServer } from "../../local/server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { type TestRedis, useRedis } from "./redis.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed text, or `undefined` when it is not JSON. */
  readonly body: unknown;
}

export interface TestService {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** The log lines of the service so far, oldest first. */
  readonly logs: readonly LogLine[];
  /** Sends a request to a path below the API prefix, or at the root for `/healthz`. */
  request(method: string, path: string, init?: RequestInit): Promise<Reply>;
  get(path: string, init?: RequestInit): Promise<Reply>;
  post(path: string, init?: RequestInit): Promise<Reply>;
  delete(path: string, init?: RequestInit): Promise<Reply>;
  /** Tolerates being called twice. */
  stop(): Promise<void>;
}

export type Environment = Readonly<Record<string, string>>;

/** Loopback, a free port, the shortest delays, and no dispatcher unless the test sets one. */
const testEnvironment: Environment = {
  DMS_CLI_DEFAULT_HOST: "127.0.0.1",
  DMS_CLI_DEFAULT_PORT: "0",
  DMS_EVENT_WORKER_COUNT: "0",
  DMS_SHUTDOWN_GRACE_SECONDS: "1",
  DMS_DISPATCH_GRACE_SECONDS: "0",
  DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.01",
  DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.05",
};

/** The local server on this Redis, with every function. The caller stops it. */
export async function startService(redisUrl: string, environment: Environment = {}): Promise<TestService> {
  const config = loadConfig({ ...testEnvironment, DMS_REDIS_WRITE_URL: redisUrl, ...environment });
  const logs: LogLine[] = [];
  const log = createLogger(config, { write: (line) => logs.push(JSON.parse(line)) });
  const server = await startLocalServer(config, log);
  let stopped: Promise<void> | undefined;
  const request = async (method: string, path: string, init: RequestInit = {}) => {
    const prefix = path === "/healthz" ? "" : config.apiPrefix;
    const response = await fetch(server.address + prefix + path, { method, ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  };
  return {
    address: server.address,
    logs,
    request,
    get: (path, init) => request("GET", path, init),
    post: (path, init) => request("POST", path, init),
    delete: (path, init) => request("DELETE", path, init),
    stop() {
      stopped ??= server.stop();
      return stopped;
    },
  };
}

/** {@link startService}, stopped after the test. */
export async function startServiceForTest(redisUrl: string, environment: Environment = {}): Promise<TestService> {
  const service = await startService(redisUrl, environment);
  onTestFinished(() => service.stop());
  return service;
}

export interface UseServiceOptions {
  /** In addition to the settings of every test. */
  readonly environment?: Environment;
  readonly redis?: RedisServerOptions;
}

/** A redis-server and a service for one test file; tasks are deleted after each test. Call it at the top of the file. */
export function useService({ environment, redis: redisOptions }: UseServiceOptions = {}): TestService & {
  readonly redis: TestRedis;
} {
  const redis = useRedis(redisOptions);
  let service: TestService | undefined;
  const running = () => {
    if (!service) throw new Error("the service of this test file has not started");
    return service;
  };
  beforeAll(async () => {
    service = await startService(redis.url, environment);
  });
  afterAll(() => service?.stop());
  return {
    redis,
    get address() {
      return running().address;
    },
    get logs() {
      return running().logs;
    },
    request: (method, path, init) => running().request(method, path, init),
    get: (path, init) => running().get(path, init),
    post: (path, init) => running().post(path, init),
    delete: (path, init) => running().delete(path, init),
    stop: () => running().stop(),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
