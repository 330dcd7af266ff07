import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "../../../shared/logger.ts";
import {
  acknowledge,
  type Claim,
  type Claims,
  claim,
  isUnavailable,
  quarantine,
  readAndClaim,
  recordMalformedEntry,
  type WorkEntry,
} from "../../../task-state/index.ts";
import { createInProgress, type InProgress } from "./in-progress.ts";
import { type ConcurrencyLimiter, createConcurrencyLimiter } from "./limits/concurrency.ts";
import { createConcurrencyPermit } from "./limits/concurrency-permit.ts";
import { isCapped } from "./limits/policy.ts";
import { reconcile } from "./reconcile/reconcile.ts";
import type { Reconciliation } from "./reconcile/reconciliation.ts";
import { taskFields } from "./reconcile/task-fields.ts";

/** Claims tasks under permits that are already acquired; releases each permit once its task needs no further request. */
export interface Intake {
  /** Reads and claims up to `count` tasks in one step. @returns the number of entries read */
  readAndClaim(count: number): Promise<number>;
  /** Claims the tasks of entries that have been read. */
  claim(entries: readonly WorkEntry[]): Promise<void>;
  /** Claims the tasks of this dispatcher's entries that are not in progress, for example after a lost reply. */
  claimOrphans(entries: readonly WorkEntry[]): Promise<void>;
  readonly inProgress: InProgress;
  /** True while no task is in progress. */
  isIdle(): boolean;
  /** Resolves when no task is in progress. */
  untilIdle(): Promise<void>;
}

export interface IntakeEvents {
  /** Called after each reconciled task. */
  readonly onHandled: () => void;
  /** Called after an error of Redis, which may leave entries without a handler. */
  readonly onFault: () => void;
}

/** One call for work: its permits not used yet, and the entries that it started to handle. */
interface Call {
  unused: number;
  readonly begun: Set<string>;
}

/** Logs errors; the entries concerned stay pending. */
export function createIntake(
  reconciliation: Reconciliation,
  limiter: ConcurrencyLimiter,
  { onHandled, onFault }: IntakeEvents,
): Intake {
  const { context, fastPath, holder, policy, log } = reconciliation;
  const reconciling = createConcurrencyLimiter(Number.POSITIVE_INFINITY);
  const inProgress = createInProgress();
  const options = () => ({
    holder,
    leaseMs: policy.lease,
    graceMs: policy.grace,
    begin: mayBegin(reconciliation) ? fastPath.begin : undefined,
  });

  const reconcileClaim = async (call: Call, claimed: Claim) => {
    const { entry, view } = claimed;
    const permit = createConcurrencyPermit(limiter);
    call.unused -= 1;
    call.begun.add(entry.entryId);
    inProgress.start(entry.entryId, view.id);
    try {
      await reconcile(reconciliation, claimed, permit);
      onHandled();
    } catch (error) {
      onFault();
      logFault(log, error, taskFields(view));
    } finally {
      inProgress.end(entry.entryId, view.id);
      permit.release();
      reconciling.release(1);
    }
  };

  /** Starts the claimed tasks, and claims those that the last call left for a further one. */
  const begin = async (call: Call, { claimed, own, later, unreadable }: Claims): Promise<void> => {
    for (const one of claimed) void reconcileClaim(call, one);
    await quarantine(context, ...unreadable);
    if (own.length > 0) await beginIdle(call, own);
    if (later.length > 0) await begin(call, await inProgress.track(claim(context, later, options())));
  };

  /** Starts those of our own tasks that are not in progress; the others only need their new revision. */
  const beginIdle = async (call: Call, entries: readonly WorkEntry[]): Promise<void> => {
    // By then, entries delivered in the same turn are marked as in progress.
    await nextTurn();
    const idle: WorkEntry[] = [];
    for (const entry of entries) {
      const { entryId, taskId } = entry;
      if (taskId === undefined) continue;
      const under = inProgress.entryOf(taskId);
      if (under === undefined) {
        inProgress.start(entryId, taskId);
        idle.push(entry);
      } else if (under !== entryId) await acknowledge(context.primary, entryId);
    }
    try {
      if (idle.length > 0) await begin(call, await inProgress.track(claim(context, idle, options(), true)));
    } finally {
      for (const { entryId, taskId } of idle) if (!call.begun.has(entryId)) inProgress.end(entryId, taskId);
    }
  };

  const runCall = async (count: number, work: (call: Call) => Promise<readonly WorkEntry[]>): Promise<number> => {
    const call: Call = { unused: count, begun: new Set() };
    reconciling.acquire(count);
    try {
      const entries = await work(call);
      await dropMalformed(reconciliation, entries);
      return entries.length;
    } catch (error) {
      onFault();
      throw error;
    } finally {
      limiter.release(call.unused);
      reconciling.release(call.unused);
    }
  };

  const trackEntries = async (entries: readonly WorkEntry[], call: Call, work: () => Promise<void>) => {
    for (const { entryId } of entries) inProgress.add(entryId);
    try {
      await work();
    } finally {
      for (const { entryId } of entries) if (!call.begun.has(entryId)) inProgress.end(entryId);
    }
    return entries;
  };

  const claimOf = async (entries: readonly WorkEntry[], orphans: boolean) => {
    const claimed = runCall(entries.length, (call) =>
      trackEntries(entries, call, async () => {
        if (orphans) await beginIdle(call, entries);
        else await begin(call, await claim(context, entries, options()));
      }),
    );
    await claimed.catch((error) => logFault(log, error));
  };

  return {
    readAndClaim: (count) =>
      runCall(count, async (call) => {
        const taking = await inProgress.track(readAndClaim(context, count, options()));
        return trackEntries(taking.entries, call, () => begin(call, taking));
      }),
    claim: (entries) => claimOf(entries, false),
    claimOrphans: (entries) => claimOf(entries, true),
    inProgress,
    isIdle: () => reconciling.inUse() === 0,
    untilIdle: () => reconciling.untilIdle(),
  };
}

/**
 * True when any task without a hold would be submitted at once: then its claim can begin the submission. Limits and ages are
 * checked per task.
 */
function mayBegin({ breaker, policy, stopping }: Reconciliation): boolean {
  return breaker.isClosed() && !stopping.aborted && !isCapped(policy) && policy.maxAge === 0;
}

async function dropMalformed({ context, log }: Reconciliation, entries: readonly WorkEntry[]): Promise<void> {
  for (const { entryId, taskId } of entries) {
    if (taskId !== undefined) continue;
    log.error({ entry: entryId }, "an entry of the work stream names no task; it is moved to the dead letters");
    await recordMalformedEntry(context.primary, entryId);
  }
}

/** Redis may be unavailable for a while; any other error is a defect. @param fields those of the task that it concerns */
export function logFault(log: Logger, error: unknown, fields: object = {}): void {
  if (isUnavailable(error))
    log.warn(
      { ...fields, cause: error.message },
      "Redis is unavailable; the dispatcher waits until it is available again",
    );
  else log.error({ ...fields, err: error }, "dispatcher fault");
}
