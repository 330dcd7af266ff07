import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "../../../shared/logger.ts";
import { deregisterDispatcher, isUnavailable, readEntries, type TaskStateContext } from "../../../task-state/index.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { createIntake, logFault } from "./intake.ts";
import { createCircuitBreaker } from "./limits/circuit-breaker.ts";
import { acquireAndRead, createConcurrencyLimiter } from "./limits/concurrency.ts";
import type { Policy } from "./limits/policy.ts";
import { createMaintenance } from "./maintenance.ts";
import { createSubmissionFastPath } from "./reconcile/fast-path.ts";
import type { SchedulerClient } from "./scheduler/scheduler-client.ts";

export interface DispatcherOptions {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
  /** Tasks handled at once. */
  readonly concurrency: number;
  /** Time to finish tasks in flight after the signal aborts, in ms. */
  readonly shutdownGrace: number;
  /** Longest wait for new work before due tasks are checked, in ms. @default 500 */
  readonly pollInterval?: number;
  /** Called each time a read returns nothing while no task is in flight. */
  readonly onIdle?: () => void;
  /** Called each time Redis is unavailable. */
  readonly onUnavailable?: (error: Error) => void;
}

/** Free permits that start a read of the backlog at once; fewer are collected until the read under way ends. */
const minBacklogRead = 8;
/** Pause after an error of Redis, in ms. */
const faultPause = 250;

/**
 * Processes the queue until the signal aborts: reads entries, takes leases and reconciles each task, up to `concurrency` at
 * once. Any number of dispatchers may run; when one dies, another takes over its entries.
 * @param blocking a dedicated connection that blocks while it waits for work
 * @returns the number of tasks handled
 */
export async function runDispatcher(options: DispatcherOptions, blocking: Redis, signal: AbortSignal): Promise<number> {
  const { context, policy, log, concurrency, pollInterval = 500 } = options;
  const holder = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const forceStop = new AbortController();
  const minRead = Math.min(minBacklogRead, Math.ceil(concurrency / 4));
  const limiter = createConcurrencyLimiter(concurrency, minRead);
  const breaker = createCircuitBreaker(policy);
  const fastPath = createSubmissionFastPath(context, policy);
  const heartbeat = startHeartbeat(context.primary, holder, policy.lease);
  let handled = 0;
  const intake = createIntake(
    { ...options, breaker, fastPath, holder, stopping: signal, forceStop: forceStop.signal },
    limiter,
    {
      onHandled() {
        handled += 1;
      },
      onFault() {
        heartbeat.invalidate();
        maintenance.expectOrphans();
      },
    },
  );

  const maintenance = createMaintenance({ context, policy, holder, concurrency, pollInterval }, limiter, intake);
  // While more entries wait than permits are free, entries are read and claimed in one step that nobody awaits.
  let backlog = false;
  let reads = 0;
  let maintenanceRun: Promise<void> | undefined;
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      logFault(log, error);
      if (isUnavailable(error)) options.onUnavailable?.(error);
      await delay(faultPause, undefined, { signal }).catch(() => {});
    }
  };
  const claimBacklog = async (count: number) => {
    reads += 1;
    await guarded(async () => {
      const sent = heartbeat.ensure().catch((error) => {
        limiter.release(count);
        throw error;
      });
      const claimed = sent.then(() => intake.readAndClaim(count));
      const found = await claimed.catch((error) => {
        backlog = false;
        throw error;
      });
      if (found < count) backlog = false;
    });
    reads -= 1;
    limiter.notify();
  };
  const takeWork = async () => {
    const free = breaker.limit(concurrency) - limiter.inUse();
    // While the scheduler is unavailable the backlog waits on the stream, where it costs nothing.
    if (free <= 0 || (reads > 0 && free < minRead)) {
      return limiter.untilChange(signal, Math.min(breaker.probeDelay() || pollInterval, pollInterval));
    }
    if (backlog) {
      void claimBacklog(limiter.acquire(free));
      return;
    }
    // Until a heartbeat is stored, other dispatchers cannot tell that the entries belong to this one.
    await heartbeat.ensure();
    const read = (count: number) =>
      readEntries(blocking, { consumer: holder, count, blockMs: maintenance.pollDelay() });
    const entries = await acquireAndRead(limiter, free, (count) => intake.inProgress.track(read(count)));
    backlog = entries.length === free;
    if (entries.length === 0 && intake.isIdle() && !maintenance.expectsWork()) options.onIdle?.();
    void intake.claim(entries);
  };

  log.info({ dispatcher: holder, concurrency }, "dispatcher is running");
  const unblock = unblockOnAbort(blocking, context.primary, signal);
  while (!signal.aborted) {
    maintenanceRun ??= guarded(maintenance.runDue).finally(() => {
      maintenanceRun = undefined;
    });
    // With a backlog there is work already, so maintenance runs beside it.
    if (!backlog) await maintenanceRun;
    if (!signal.aborted) await guarded(takeWork);
  }
  unblock();
  await maintenanceRun;
  const timer = setTimeout(() => forceStop.abort(), options.shutdownGrace);
  await intake.untilIdle();
  clearTimeout(timer);
  heartbeat.stop();
  // If Redis is unavailable, the entry expires by itself.
  await deregisterDispatcher(context.primary, holder).catch(() => {});
  log.info({ dispatcher: holder, handled }, "dispatcher stopped");
  return handled;
}

/** Unblocks a blocking read when the signal aborts, so that no entry is delivered to a closing connection. */
function unblockOnAbort(blocking: Redis, other: Redis, signal: AbortSignal): () => void {
  let connection: number | undefined;
  const learn = () => {
    blocking.client("ID").then(
      (id) => {
        connection = id;
      },
      () => {},
    );
  };
  const unblock = () => {
    if (connection !== undefined) other.client("UNBLOCK", connection).catch(() => {});
  };
  if (blocking.status === "ready") learn();
  blocking.on("ready", learn);
  signal.addEventListener("abort", unblock, { once: true });
  return () => {
    blocking.off("ready", learn);
    signal.removeEventListener("abort", unblock);
  };
}
