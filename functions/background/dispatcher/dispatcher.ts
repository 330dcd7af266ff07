import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "../../../shared/logger.ts";
import { isUnavailable, readEntries, retractDispatcher, type TaskStateContext } from "../../../task-state/index.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { createIntake, logFault } from "./intake.ts";
import { createGate } from "./limits/circuit-breaker.ts";
import { createSlots, fill } from "./limits/concurrency.ts";
import type { Policy } from "./limits/policy.ts";
import { createDuties } from "./maintenance.ts";
import { expressWay } from "./reconcile/fast-path.ts";
import type { SchedulerClient } from "./scheduler/scheduler-client.ts";

export interface DispatcherOptions {
  readonly context: TaskStateContext;
  readonly client: SchedulerClient;
  readonly policy: Policy;
  readonly log: Logger;
  /** Tasks handled at once. */
  readonly concurrency: number;
  /** Time to finish what is in flight once the signal has aborted, in ms. */
  readonly shutdownGrace: number;
  /** Longest wait for new work before due times are looked at, in ms. @default 500 */
  readonly patience?: number;
  /** Told each time when nothing is to be read and nothing is in flight. */
  readonly onIdle?: () => void;
  /** Told each time when Redis cannot be used. */
  readonly onUnavailable?: (error: Error) => void;
}

/** Free places for which a backlog is read at once; fewer wait for each other, but no longer than until the last read is over. */
const enough = 8;
/** Pause after Redis has failed, in ms. */
const faultPause = 250;

/**
 * Works off the queue until the signal aborts: reads entries, takes leases, and does for each task what there is to do,
 * up to `concurrency` at once. Any number of dispatchers may run; what one leaves behind when it dies, another takes over.
 * @param blocking a connection of its own, for the wait for work
 * @returns how many tasks were handled
 */
export async function runDispatcher(options: DispatcherOptions, blocking: Redis, signal: AbortSignal): Promise<number> {
  const { context, policy, log, concurrency, patience = 500 } = options;
  const holder = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const hurry = new AbortController();
  const fewest = Math.min(enough, Math.ceil(concurrency / 4));
  const slots = createSlots(concurrency, fewest);
  const gate = createGate(policy);
  const express = expressWay(context, policy);
  const heartbeat = startHeartbeat(context.primary, holder, policy.lease);
  let handled = 0;
  const intake = createIntake({ ...options, gate, express, holder, stopping: signal, hurry: hurry.signal }, slots, {
    onHandled() {
      handled += 1;
    },
    onFault() {
      heartbeat.doubt();
      duties.hurry();
    },
  });

  const duties = createDuties({ context, policy, holder, concurrency, patience }, slots, intake);
  // While there is more than there are places for, work is read and claimed in one step, and nobody waits for it.
  let backlog = false;
  let reads = 0;
  let duty: Promise<void> | undefined;
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
  const takeBacklog = async (count: number) => {
    reads += 1;
    await guarded(async () => {
      const signed = heartbeat.ensure().catch((error) => {
        slots.give(count);
        throw error;
      });
      const taken = signed.then(() => intake.take(count));
      const found = await taken.catch((error) => {
        backlog = false;
        throw error;
      });
      if (found < count) backlog = false;
    });
    reads -= 1;
    slots.wake();
  };
  const takeIn = async () => {
    const places = gate.limit(concurrency) - slots.inUse();
    // While the scheduler is away the backlog waits on the stream, where it costs nothing.
    if (places <= 0 || (reads > 0 && places < fewest)) {
      return slots.untilChange(signal, Math.min(gate.wait() || patience, patience));
    }
    if (backlog) {
      void takeBacklog(slots.take(places));
      return;
    }
    // Before a sign is stored nobody knows whose the entries are.
    await heartbeat.ensure();
    const read = (count: number) => readEntries(blocking, { consumer: holder, count, blockMs: duties.wait() });
    const entries = await fill(slots, places, (count) => intake.inHand.track(read(count)));
    backlog = entries.length === places;
    if (entries.length === 0 && intake.isIdle() && !duties.isWaiting()) options.onIdle?.();
    void intake.claim(entries);
  };

  log.info({ dispatcher: holder, concurrency }, "dispatcher is running");
  const unblock = unblockOnAbort(blocking, context.primary, signal);
  while (!signal.aborted) {
    duty ??= guarded(duties.perform).finally(() => {
      duty = undefined;
    });
    // Who has work at hand need not wait for it.
    if (!backlog) await duty;
    if (!signal.aborted) await guarded(takeIn);
  }
  unblock();
  await duty;
  const timer = setTimeout(() => hurry.abort(), options.shutdownGrace);
  await intake.untilIdle();
  clearTimeout(timer);
  heartbeat.stop();
  // A Redis that is gone forgets it by itself.
  await retractDispatcher(context.primary, holder).catch(() => {});
  log.info({ dispatcher: holder, handled }, "dispatcher has stopped");
  return handled;
}

/** Ends a blocking read from the outside when the signal aborts, so that no entry is delivered into a closing connection. */
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
