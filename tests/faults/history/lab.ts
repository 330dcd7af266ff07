import { join } from "node:path";
import { findFaketime } from "../../support/faketime.ts";
import type { Environment } from "../../support/service.ts";
import { seed } from "../support/run.ts";
import { type FaultScheduler, startFaultScheduler } from "../support/scheduler.ts";
import { projectRoot, type ServiceProcess, serviceProcess } from "../support/service-process.ts";
import { quick } from "../support/stage.ts";
import { type Clock, openClock } from "./clock-file.ts";
import { makeDisk } from "./disk.ts";
import { type OwnRedis, startOwnRedis } from "./redis.ts";
import { openWire, type Wire } from "./wire.ts";

/** A process of the product with its own wire to Redis and its own clock. */
export interface LabProcess {
  readonly name: string;
  readonly process: ServiceProcess;
  readonly wire: Wire;
  readonly clock: Clock | undefined;
}

/** Waits that are part of a promise, in ms. */
export interface Waits {
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly leaseMs: number;
  readonly settleMs: number;
}

/** Redis, scheduler, API and dispatchers, each with a handle for every fault. */
export interface Lab extends Waits {
  readonly redis: OwnRedis;
  readonly scheduler: FaultScheduler;
  readonly api: LabProcess;
  readonly dispatchers: readonly LabProcess[];
  readonly processes: readonly LabProcess[];
  close(): Promise<void>;
}

export interface LabOptions {
  /** Where the product's sources are. @default the project's */
  readonly root?: string;
  /** Short waits, or those of the default configuration. @default short */
  readonly waits?: "short" | "default";
  /** Dispatcher processes. @default 2 */
  readonly dispatchers?: number;
  readonly environment?: Environment;
}

const leaseOf = (timeoutMs: number) => 2 * timeoutMs + Math.max(1000, Math.min(timeoutMs, 5000));
const waitsOf = { short: { timeoutMs: 500, graceMs: 500 }, default: { timeoutMs: 10_000, graceMs: 5000 } };
/** How long everything may take to settle, in ms; with a margin for a busy machine. */
const settleOf = { short: 20_000, default: 120_000 };

/** Starts all of it. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const { root = projectRoot, waits = "short" } = options;
  const stops: (() => unknown)[] = [];
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const [disk, faketime] = [await makeDisk(), await findFaketime()];
    const clockOf = (name: string) =>
      openClock(faketime, join(disk.directory, `clock-${name}`), name === "redis" ? "redis" : "node");
    const redis = await startOwnRedis(disk, clockOf("redis"));
    stops.push(() => redis.stop());
    const scheduler = await startFaultScheduler({ redisUrl: redis.url, seed });
    stops.push(() => scheduler.stop());
    const start = async (name: string, workers: string): Promise<LabProcess> => {
      const wire = await openWire(redis.port);
      stops.push(() => wire.close());
      const clock = clockOf(name);
      const environment = {
        ...(waits === "short" ? { ...quick, DMS_JANITOR_INTERVAL_SECONDS: "3" } : {}),
        ...clock?.environment,
        DMS_REDIS_WRITE_URL: `redis://127.0.0.1:${wire.port}/0`,
        DMS_SCHEDULER_BASE_URL: scheduler.url,
        DMS_EVENT_WORKER_COUNT: workers,
        ...options.environment,
      };
      const process = serviceProcess(environment, root);
      stops.push(() => process.kill());
      await process.start();
      return { name, process, wire, clock };
    };
    const names = Array.from({ length: options.dispatchers ?? 2 }, (_, index) => `dispatcher-${index + 1}`);
    const [api, ...dispatchers] = await Promise.all([start("api", "0"), ...names.map((name) => start(name, "8"))]);
    const { timeoutMs, graceMs } = waitsOf[waits];
    return {
      redis,
      scheduler,
      api,
      dispatchers,
      processes: [api, ...dispatchers],
      timeoutMs,
      graceMs,
      leaseMs: leaseOf(timeoutMs),
      settleMs: settleOf[waits],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
