import { once } from "node:events";
import { afterEach, beforeEach, expect } from "vitest";
import {
  createSchedulerClient,
  type DispatcherOptions,
  policyOf,
  runDispatcher,
} from "../../functions/background/dispatcher/index.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { createServices } from "../../shared/services.ts";
import {
  keys,
  type Owner,
  type Parameters,
  promoteDue,
  readDispatchState,
  readView,
  type Sidecar,
  type Status,
  type TaskRecord,
} from "../../task-state/index.ts";
import { type TestRedis, useRedis } from "../support/redis.ts";
import type { LogLine } from "../support/service.ts";
import { until } from "../support/until.ts";
import { alice, type OpenStore, openStore, readable } from "../task-state/support.ts";
import { type ScriptedScheduler, startScriptedScheduler } from "./scheduler.ts";

type Environment = Readonly<Record<string, string>>;

/** Waits as short as they may be. */
const testEnvironment: Environment = {
  DMS_EVENT_WORKER_COUNT: "4",
  DMS_REQUEST_TIMEOUT_SECONDS: "2",
  DMS_SHUTDOWN_GRACE_SECONDS: "0.2",
  DMS_DISPATCH_GRACE_SECONDS: "0.05",
  DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.01",
  DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.05",
};

export interface RunningDispatcher {
  readonly logs: readonly LogLine[];
  /** What a SIGTERM does. */
  abort(): void;
  /** Aborts and resolves when the dispatcher has stopped, with how many tasks it has handled. Tolerates being called twice. */
  stop(): Promise<number>;
}

type Events = Pick<DispatcherOptions, "onIdle" | "pollInterval">;

/** A dispatcher in this process over the given Redis and scheduler; the caller stops it. */
export async function startDispatcher(environment: Environment, more: Events = {}): Promise<RunningDispatcher> {
  const config = loadConfig({ ...testEnvironment, ...environment });
  const logs: LogLine[] = [];
  const log = createLogger(config, { write: (line) => logs.push(JSON.parse(line)) });
  const { context, redis } = createServices(config, log);
  const blocking = redis.openBlocking();
  await Promise.all([redis.untilReady(2000), once(blocking, "ready")]);
  const client = createSchedulerClient(config, config.eventWorkerCount);
  const stopping = new AbortController();
  const running = runDispatcher(
    {
      context,
      client,
      log,
      policy: policyOf(config),
      concurrency: config.eventWorkerCount,
      shutdownGrace: config.shutdownGraceSeconds * 1000,
      ...more,
    },
    blocking,
    stopping.signal,
  );
  const stopped = running.finally(async () => {
    await client.close();
    redis.close();
  });
  return {
    logs,
    abort: () => stopping.abort(),
    stop() {
      stopping.abort();
      return stopped;
    },
  };
}

export interface Bench extends OpenStore {
  readonly redis: TestRedis;
  /** A new one for each test. */
  readonly scheduler: ScriptedScheduler;
  /** Starts one more dispatcher, which is stopped after the test and must have met no fault of its own. */
  start(environment?: Environment, more?: Events): Promise<RunningDispatcher>;
  /** Submits a task, of alice unless given otherwise. */
  submit(owner?: Owner, parameters?: Parameters): Promise<string>;
  record(id: string): Promise<TaskRecord>;
  /** The log of a task without its times. */
  messages(id: string): Promise<string[]>;
  sidecar(id: string): Promise<Partial<Sidecar>>;
  /** Waits for this, and meanwhile puts on the work stream what is due, as any other dispatcher would. */
  until(check: () => boolean | Promise<boolean>): Promise<void>;
  /** Waits for tasks to reach a status. */
  untilStatus(status: Status, ...ids: string[]): Promise<void>;
  /** Waits until a task is held. */
  untilHeld(id: string): Promise<void>;
  /** Waits until every entry of the work stream has been read and acknowledged. */
  untilIdle(): Promise<void>;
}

/** A redis-server for the file, and for each test a scheduler and as many dispatchers as it starts. */
export function useDispatcher(): Bench {
  const redis = useRedis();
  const running: RunningDispatcher[] = [];
  let opened: OpenStore | undefined;
  let scheduler: ScriptedScheduler | undefined;
  const store = () => {
    opened ??= openStore(redis);
    return opened;
  };
  const current = () => {
    if (!scheduler) throw new Error("the scheduler of this test has not started");
    return scheduler;
  };
  beforeEach(async () => {
    scheduler = await startScriptedScheduler();
  });
  // Runs before the helper below empties Redis, because it was registered after it.
  afterEach(async () => {
    const stopping = running.splice(0).map(async (dispatcher) => {
      await dispatcher.stop();
      return dispatcher.logs.filter(
        ({ msg }) => msg === "dispatcher fault" || msg?.startsWith("a task was not settled"),
      );
    });
    await scheduler?.stop();
    expect((await Promise.all(stopping)).flat()).toEqual([]);
  });

  const record = async (id: string) => readable(await redis.client.get(keys.record(id)));
  const sidecar = async (id: string): Promise<Partial<Sidecar>> => (await readView(store().context, id)).sidecar ?? {};
  const untilSo = async (check: () => boolean | Promise<boolean>) => {
    await until(async () => {
      await promoteDue(redis.client, 100);
      return check();
    });
  };
  return {
    redis,
    get scheduler() {
      return current();
    },
    get store() {
      return store().store;
    },
    get context() {
      return store().context;
    },
    get unreadable() {
      return store().unreadable;
    },
    async start(environment = {}, more = {}) {
      const own = { DMS_REDIS_WRITE_URL: redis.url, DMS_SCHEDULER_BASE_URL: current().url };
      const dispatcher = await startDispatcher({ ...own, ...environment }, more);
      running.push(dispatcher);
      return dispatcher;
    },
    submit: (owner = alice, parameters = {}) => store().store.submit(owner, parameters),
    record,
    messages: async (id) => ((await record(id)).logs ?? []).map((entry) => entry.slice(entry.indexOf(",") + 1)),
    sidecar,
    until: untilSo,
    async untilStatus(status, ...ids) {
      for (const id of ids) await untilSo(async () => (await record(id)).status === status);
    },
    untilHeld: (id) => untilSo(async () => (await sidecar(id)).hold !== undefined),
    untilIdle: () =>
      untilSo(async () => {
        const { waiting, in_flight } = await readDispatchState(redis.client);
        return waiting === 0 && in_flight === 0;
      }),
  };
}
