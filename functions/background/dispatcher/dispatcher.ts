import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "../../../shared/logger.ts";
import {
  buryDeleted,
  isUnavailable,
  promoteDue,
  readEntries,
  reportDispatcher,
  retractDispatcher,
  type TaskStateContext,
  takeOverEntries,
  trimAcknowledged,
  type WorkEntry,
} from "../../../task-state/index.ts";
import { expressWay } from "./express.ts";
import { createGate } from "./gate.ts";
import { createIntake, logFault } from "./intake.ts";
import type { Policy } from "./policy.ts";
import type { SchedulerClient } from "./scheduler-client.ts";
import { createSlots, type Slots } from "./slots.ts";
import { unpark } from "./unpark.ts";

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

/** Due tasks that are put on the work stream at once. */
const promoteLimit = 100;
/** Time between two promotions of due tasks while there is work, in ms. */
const promoteInterval = 50;
/** Time between two looks for what dead dispatchers and late writers have left, in ms. */
const upkeepInterval = 5000;
/** Time between two trims of the work stream, in ms. */
const trimInterval = 1000;
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
  let handled = 0;
  const intake = createIntake(
    { ...options, gate, express, holder, stopping: signal, hurry: hurry.signal },
    slots,
    () => {
      handled += 1;
    },
  );

  const schedule = createSchedule();
  let wait = 0;
  // While there is more than there are places for, work is read and claimed in one step, and nobody waits for it.
  let backlog = false;
  let reads = 0;
  let duties: Promise<void> | undefined;
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
  const upkeep = async () => {
    const idle = { consumer: holder, idleMs: policy.lease };
    void intake.claim(await fill(slots, concurrency, (count) => takeOverEntries(context.primary, { ...idle, count })));
    await reportDispatcher(context.primary, holder);
    await buryDeleted(context);
  };
  const promote = async () => {
    await unpark(context.primary, policy);
    const { nextMs = patience } = await promoteDue(context.primary, promoteLimit);
    wait = Math.min(patience, Math.max(1, nextMs));
  };
  const doDuties = async () => {
    if (schedule.isDue("upkeep", upkeepInterval)) await upkeep();
    if (schedule.isDue("trim", trimInterval)) await trimAcknowledged(context.primary);
    if (schedule.isDue("promote", Math.min(wait, promoteInterval))) await promote();
  };
  const takeBacklog = async (count: number) => {
    reads += 1;
    await guarded(async () => {
      const found = await intake.take(count).catch((error) => {
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
    const read = (count: number) => readEntries(blocking, { consumer: holder, count, blockMs: wait });
    const entries = await fill(slots, places, read);
    backlog = entries.length === places;
    if (entries.length === 0 && intake.isIdle()) options.onIdle?.();
    void intake.claim(entries);
  };

  log.info({ dispatcher: holder, concurrency }, "dispatcher is running");
  const unblock = unblockOnAbort(blocking, context.primary, signal);
  while (!signal.aborted) {
    duties ??= guarded(doDuties).finally(() => {
      duties = undefined;
    });
    // Who has work at hand need not wait for them.
    if (!backlog) await duties;
    if (!signal.aborted) await guarded(takeIn);
  }
  unblock();
  await duties;
  const timer = setTimeout(() => hurry.abort(), options.shutdownGrace);
  await intake.untilIdle();
  clearTimeout(timer);
  // A Redis that is gone forgets it by itself.
  await retractDispatcher(context.primary, holder).catch(() => {});
  log.info({ dispatcher: holder, handled }, "dispatcher has stopped");
  return handled;
}

/** Reads at most as many entries as there are free places, and holds a place for each. */
async function fill(slots: Slots, places: number, read: (count: number) => Promise<WorkEntry[]>): Promise<WorkEntry[]> {
  const count = slots.take(places);
  if (count === 0) return [];
  let used = 0;
  try {
    const entries = await read(count);
    used = entries.length;
    return entries;
  } finally {
    slots.give(count - used);
  }
}

/** Tells whether the time of a recurring duty has come. */
function createSchedule() {
  const last = new Map<string, number>();
  return {
    isDue(duty: string, interval: number): boolean {
      const now = performance.now();
      if (now - (last.get(duty) ?? Number.NEGATIVE_INFINITY) < interval) return false;
      last.set(duty, now);
      return true;
    },
  };
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
