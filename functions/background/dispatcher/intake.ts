import { setImmediate as turn } from "node:timers/promises";
import type { Logger } from "../../../shared/logger.ts";
import {
  acknowledge,
  type Claim,
  type Claims,
  claim,
  isUnavailable,
  recordMalformedEntry,
  setAside,
  take,
  type WorkEntry,
} from "../../../task-state/index.ts";
import { createInHand, type InHand } from "./in-progress.ts";
import { createSlots, type Slots } from "./limits/concurrency.ts";
import { createPlace } from "./limits/place.ts";
import { isCapped } from "./limits/policy.ts";
import { attend } from "./reconcile/reconcile.ts";
import type { Attendance } from "./reconcile/reconciliation.ts";

/** Takes in work for places that have been taken; gives each place back once its task needs no request any more. */
export interface Intake {
  /** Reads and claims up to `count` tasks in one step. @returns how many entries there were */
  take(count: number): Promise<number>;
  /** Claims the tasks of entries that have been read. */
  claim(entries: readonly WorkEntry[]): Promise<void>;
  /** Claims the tasks of entries of this dispatcher that nobody sees to, as after a reply that was lost. */
  claimOrphans(entries: readonly WorkEntry[]): Promise<void>;
  readonly inHand: InHand;
  /** True when nothing is attended to. */
  isIdle(): boolean;
  /** Resolves when nothing is attended to. */
  untilIdle(): Promise<void>;
}

export interface IntakeEvents {
  /** Called for each task that was attended to. */
  readonly onHandled: () => void;
  /** Called when Redis has failed, so that entries may have been left behind. */
  readonly onFault: () => void;
}

/** One call for work: the places that it has not used yet, and the entries that it has begun with. */
interface Call {
  unused: number;
  readonly begun: Set<string>;
}

/** Errors are logged; what they leave behind stays pending. */
export function createIntake(attendance: Attendance, slots: Slots, { onHandled, onFault }: IntakeEvents): Intake {
  const { context, express, holder, policy, log } = attendance;
  const attended = createSlots(Number.POSITIVE_INFINITY);
  const inHand = createInHand();
  const options = () => ({
    holder,
    leaseMs: policy.lease,
    graceMs: policy.grace,
    begin: mayBegin(attendance) ? express.begin : undefined,
  });

  const attendTo = async (call: Call, claimed: Claim) => {
    const { entry, view } = claimed;
    const place = createPlace(slots);
    call.unused -= 1;
    call.begun.add(entry.entryId);
    inHand.start(entry.entryId, view.id);
    try {
      await attend(attendance, claimed, place);
      onHandled();
    } catch (error) {
      onFault();
      logFault(log, error);
    } finally {
      inHand.end(entry.entryId, view.id);
      place.leave();
      attended.give(1);
    }
  };

  /** Begins with what was claimed, and claims what was put off. */
  const begin = async (call: Call, { claimed, own, later, spoilt }: Claims): Promise<void> => {
    for (const one of claimed) void attendTo(call, one);
    await setAside(context, ...spoilt);
    if (own.length > 0) await beginIdle(call, own);
    if (later.length > 0) await begin(call, await inHand.track(claim(context, later, options())));
  };

  /** Those tasks of ours that nobody is at work on; the others need no more than the new revision that they have got. */
  const beginIdle = async (call: Call, entries: readonly WorkEntry[]): Promise<void> => {
    // What the same turn has brought besides is in hand by then.
    await turn();
    const idle: WorkEntry[] = [];
    for (const entry of entries) {
      const { entryId, taskId } = entry;
      if (taskId === undefined) continue;
      const under = inHand.entryOf(taskId);
      if (under === undefined) {
        inHand.start(entryId, taskId);
        idle.push(entry);
      } else if (under !== entryId) await acknowledge(context.primary, entryId);
    }
    try {
      if (idle.length > 0) await begin(call, await inHand.track(claim(context, idle, options(), true)));
    } finally {
      for (const { entryId, taskId } of idle) if (!call.begun.has(entryId)) inHand.end(entryId, taskId);
    }
  };

  const takeIn = async (count: number, work: (call: Call) => Promise<readonly WorkEntry[]>): Promise<number> => {
    const call: Call = { unused: count, begun: new Set() };
    attended.take(count);
    try {
      const entries = await work(call);
      await dropMalformed(attendance, entries);
      return entries.length;
    } catch (error) {
      onFault();
      throw error;
    } finally {
      slots.give(call.unused);
      attended.give(call.unused);
    }
  };

  const seeTo = async (entries: readonly WorkEntry[], call: Call, work: () => Promise<void>) => {
    for (const { entryId } of entries) inHand.add(entryId);
    try {
      await work();
    } finally {
      for (const { entryId } of entries) if (!call.begun.has(entryId)) inHand.end(entryId);
    }
    return entries;
  };

  const claimOf = async (entries: readonly WorkEntry[], orphans: boolean) => {
    const claimed = takeIn(entries.length, (call) =>
      seeTo(entries, call, async () => {
        if (orphans) await beginIdle(call, entries);
        else await begin(call, await claim(context, entries, options()));
      }),
    );
    await claimed.catch((error) => logFault(log, error));
  };

  return {
    take: (count) =>
      takeIn(count, async (call) => {
        const taking = await inHand.track(take(context, count, options()));
        return seeTo(taking.entries, call, () => begin(call, taking));
      }),
    claim: (entries) => claimOf(entries, false),
    claimOrphans: (entries) => claimOf(entries, true),
    inHand,
    isIdle: () => attended.inUse() === 0,
    untilIdle: () => attended.untilIdle(),
  };
}

/**
 * True when a task that nothing holds back would be submitted at once, whoever it belongs to: then its claim can begin the
 * submission. Limits and ages are looked at task by task.
 */
function mayBegin({ gate, policy, stopping }: Attendance): boolean {
  return gate.isOpen() && !stopping.aborted && !isCapped(policy) && policy.maxAge === 0;
}

async function dropMalformed({ context, log }: Attendance, entries: readonly WorkEntry[]): Promise<void> {
  for (const { entryId, taskId } of entries) {
    if (taskId !== undefined) continue;
    log.error({ entry: entryId }, "An entry of the work stream names no task; it goes to the dead letters");
    await recordMalformedEntry(context.primary, entryId);
  }
}

/** A lost Redis is expected to come back; anything else is a defect. */
export function logFault(log: Logger, error: unknown): void {
  if (isUnavailable(error)) log.warn({ cause: error.message }, "Redis cannot be used; going on when it is back");
  else log.error({ err: error }, "dispatcher fault");
}
