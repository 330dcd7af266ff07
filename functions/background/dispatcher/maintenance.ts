import {
  acknowledge,
  enforceTombstones,
  ensureGroup,
  entriesById,
  pendingEntries,
  promoteDue,
  reclaimEntries,
  restoreReadable,
  type TaskStateContext,
  trimAcknowledged,
} from "../../../task-state/index.ts";
import type { Intake } from "./intake.ts";
import { acquireAndRead, type ConcurrencyLimiter } from "./limits/concurrency.ts";
import type { Policy } from "./limits/policy.ts";
import { unpark } from "./limits/unpark.ts";

/** The recurring maintenance of a dispatcher, beside the entries that it reads. */
export interface Maintenance {
  /** Runs the jobs that are due; a failing job does not prevent the others. @throws the first error */
  runDue(): Promise<void>;
  /** How long to wait for new work before the next check for due jobs, in ms. */
  pollDelay(): number;
  /** Call after an error of Redis: searches soon for entries of this dispatcher that have no handler. */
  expectOrphans(): void;
  /** True while a silent dispatcher still has entries, which are taken over when its leases expire. */
  expectsWork(): boolean;
}

export interface MaintenanceOptions {
  readonly context: TaskStateContext;
  readonly policy: Policy;
  /** The dispatcher's name. */
  readonly holder: string;
  readonly concurrency: number;
  /** Longest wait for new work, in ms. */
  readonly pollInterval: number;
}

/** Due tasks moved to the work stream per run. */
const promoteLimit = 100;
/** Time between two promotions of due tasks, or two takeovers, while there is work, in ms. */
const busyInterval = 50;
/** The same while work is expected soon, in ms. */
const watchInterval = 500;
/** Time between two searches for what dead dispatchers and late writers left, in ms. */
const upkeepInterval = 5000;
/** Time between two trims of the work stream, in ms. */
const trimInterval = 1000;
/** Pending entries of this dispatcher that are checked besides those in progress. */
const orphanLimit = 100;

/** At first every job is due. Entries of dead dispatchers go to the intake. */
export function createMaintenance(
  options: MaintenanceOptions,
  limiter: ConcurrencyLimiter,
  intake: Intake,
): Maintenance {
  const { context, policy, holder, concurrency, pollInterval } = options;
  const { primary } = context;
  const { inProgress } = intake;
  const schedule = createSchedule();
  let pollDelay = 0;
  let leftovers = true;
  let silent = false;
  let orphans = false;
  // While entries are found, or no permit is free to search for them, the next search comes soon.
  const takeOver = async () => {
    leftovers = true;
    await ensureGroup(primary);
    const entries = await acquireAndRead(limiter, concurrency, async (count) => {
      const found = await reclaimEntries(primary, { consumer: holder, leaseMs: policy.lease, count });
      leftovers = found.entries.length > 0;
      silent = found.nextMs !== undefined;
      return found.entries;
    });
    void intake.claim(entries);
  };
  const takeOrphans = async () => {
    const pending = await pendingEntries(primary, holder, orphanLimit + inProgress.size);
    const strangers = pending.filter((entryId) => !inProgress.hasEntry(entryId));
    orphans = false;
    if (strangers.length === 0) return;
    orphans = true;
    await inProgress.settled();
    const entries = await acquireAndRead(limiter, concurrency, async (count) => {
      const ids = strangers.filter((entryId) => !inProgress.hasEntry(entryId)).slice(0, count);
      const found = await entriesById(primary, ids);
      // A pending id without its entry on the stream names no task.
      const lost = ids.filter((id) => !found.some(({ entryId }) => entryId === id));
      await Promise.all(lost.map((entryId) => acknowledge(primary, entryId)));
      return found;
    });
    void intake.claimOrphans(entries);
  };
  const promote = async () => {
    await unpark(primary, policy);
    const { nextMs = pollInterval } = await promoteDue(primary, promoteLimit);
    pollDelay = Math.min(pollInterval, Math.max(1, nextMs));
  };
  const takeOverInterval = () => (leftovers ? busyInterval : silent ? watchInterval : upkeepInterval);
  const all: { name: string; interval: () => number; work: () => Promise<unknown> }[] = [
    { name: "take over", interval: takeOverInterval, work: takeOver },
    { name: "orphans", interval: () => (orphans ? watchInterval : upkeepInterval), work: takeOrphans },
    { name: "tombstones", interval: () => upkeepInterval, work: () => enforceTombstones(context) },
    { name: "restore", interval: () => upkeepInterval, work: () => restoreReadable(context) },
    { name: "trim", interval: () => trimInterval, work: () => trimAcknowledged(primary) },
    { name: "promote", interval: () => Math.min(pollDelay, busyInterval), work: promote },
  ];
  return {
    pollDelay: () => (leftovers ? Math.min(pollDelay, busyInterval) : pollDelay),
    expectsWork: () => silent || orphans,
    expectOrphans() {
      orphans = true;
    },
    async runDue() {
      const errors: unknown[] = [];
      for (const { name, interval, work } of all) {
        if (schedule.isDue(name, interval())) await work().catch((error) => errors.push(error));
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

/** Tracks when each recurring job is due. */
function createSchedule() {
  const last = new Map<string, number>();
  return {
    isDue(job: string, interval: number): boolean {
      const now = performance.now();
      if (now - (last.get(job) ?? Number.NEGATIVE_INFINITY) < interval) return false;
      last.set(job, now);
      return true;
    },
  };
}
