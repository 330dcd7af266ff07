import {
  acknowledge,
  buryDeleted,
  ensureGroup,
  entriesById,
  pendingEntries,
  promoteDue,
  reclaimEntries,
  reviveReadable,
  type TaskStateContext,
  trimAcknowledged,
} from "../../../task-state/index.ts";
import type { Intake } from "./intake.ts";
import { fill, type Slots } from "./limits/concurrency.ts";
import type { Policy } from "./limits/policy.ts";
import { unpark } from "./limits/unpark.ts";

/** What a dispatcher sees to now and then, beside the entries that it reads. */
export interface Duties {
  /** Does what is due by now; one that fails keeps no other from being done. @throws the first error */
  perform(): Promise<void>;
  /** How long to wait for new work before the next look at what is due, in ms. */
  wait(): number;
  /** Redis has failed: entries of this dispatcher may have been left behind, and are looked for soon. */
  hurry(): void;
  /** True while another dispatcher is silent that still has entries: they are taken over when its leases are over. */
  isWaiting(): boolean;
}

export interface DutyOptions {
  readonly context: TaskStateContext;
  readonly policy: Policy;
  /** The dispatcher's name. */
  readonly holder: string;
  readonly concurrency: number;
  /** Longest wait, in ms. */
  readonly patience: number;
}

/** Due tasks that are put on the work stream at once. */
const promoteLimit = 100;
/** Time between two promotions of due tasks, or two takeovers, while there is work, in ms. */
const busyInterval = 50;
/** The same while something is expected soon, in ms. */
const watchInterval = 500;
/** Time between two looks for what dead dispatchers and late writers have left, in ms. */
const upkeepInterval = 5000;
/** Time between two trims of the work stream, in ms. */
const trimInterval = 1000;
/** Pending entries of this dispatcher that are looked at besides those in hand. */
const orphanLimit = 100;

/** Everything is due at first. What dead dispatchers have left is handed to the intake. */
export function createDuties(options: DutyOptions, slots: Slots, intake: Intake): Duties {
  const { context, policy, holder, concurrency, patience } = options;
  const { primary } = context;
  const { inHand } = intake;
  const schedule = createSchedule();
  let wait = 0;
  let leftovers = true;
  let silent = false;
  let orphans = false;
  // As long as something is found, or no place is free to look for it, the next look comes soon.
  const takeOver = async () => {
    leftovers = true;
    await ensureGroup(primary);
    const entries = await fill(slots, concurrency, async (count) => {
      const found = await reclaimEntries(primary, { consumer: holder, leaseMs: policy.lease, count });
      leftovers = found.entries.length > 0;
      silent = found.nextMs !== undefined;
      return found.entries;
    });
    void intake.claim(entries);
  };
  const takeOrphans = async () => {
    const pending = await pendingEntries(primary, holder, orphanLimit + inHand.size);
    const strangers = pending.filter((entryId) => !inHand.hasEntry(entryId));
    orphans = false;
    if (strangers.length === 0) return;
    orphans = true;
    await inHand.settled();
    const entries = await fill(slots, concurrency, async (count) => {
      const ids = strangers.filter((entryId) => !inHand.hasEntry(entryId)).slice(0, count);
      const found = await entriesById(primary, ids);
      // Without its entry on the stream a name is worth nothing.
      const lost = ids.filter((id) => !found.some(({ entryId }) => entryId === id));
      await Promise.all(lost.map((entryId) => acknowledge(primary, entryId)));
      return found;
    });
    void intake.claimOrphans(entries);
  };
  const promote = async () => {
    await unpark(primary, policy);
    const { nextMs = patience } = await promoteDue(primary, promoteLimit);
    wait = Math.min(patience, Math.max(1, nextMs));
  };
  const takeOverInterval = () => (leftovers ? busyInterval : silent ? watchInterval : upkeepInterval);
  const all: { name: string; interval: () => number; work: () => Promise<unknown> }[] = [
    { name: "take over", interval: takeOverInterval, work: takeOver },
    { name: "orphans", interval: () => (orphans ? watchInterval : upkeepInterval), work: takeOrphans },
    { name: "bury", interval: () => upkeepInterval, work: () => buryDeleted(context) },
    { name: "revive", interval: () => upkeepInterval, work: () => reviveReadable(context) },
    { name: "trim", interval: () => trimInterval, work: () => trimAcknowledged(primary) },
    { name: "promote", interval: () => Math.min(wait, busyInterval), work: promote },
  ];
  return {
    wait: () => (leftovers ? Math.min(wait, busyInterval) : wait),
    isWaiting: () => silent || orphans,
    hurry() {
      orphans = true;
    },
    async perform() {
      const errors: unknown[] = [];
      for (const { name, interval, work } of all) {
        if (schedule.isDue(name, interval())) await work().catch((error) => errors.push(error));
      }
      if (errors.length > 0) throw errors[0];
    },
  };
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
