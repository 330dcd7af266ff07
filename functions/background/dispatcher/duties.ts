import {
  buryDeleted,
  promoteDue,
  reportDispatcher,
  reviveReadable,
  type TaskStateContext,
  takeOverEntries,
  trimAcknowledged,
} from "../../../task-state/index.ts";
import type { Intake } from "./intake.ts";
import type { Policy } from "./policy.ts";
import { fill, type Slots } from "./slots.ts";
import { unpark } from "./unpark.ts";

/** What a dispatcher sees to now and then, beside the entries that it reads. */
export interface Duties {
  /** Does what is due by now. */
  perform(): Promise<void>;
  /** How long to wait for new work before the next look at what is due, in ms. */
  wait(): number;
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
/** Time between two looks for what dead dispatchers and late writers have left, in ms. */
const upkeepInterval = 5000;
/** Time between two trims of the work stream, in ms. */
const trimInterval = 1000;

/** Everything is due at first. What dead dispatchers have left is handed to the intake. */
export function createDuties(options: DutyOptions, slots: Slots, intake: Intake): Duties {
  const { context, policy, holder, concurrency, patience } = options;
  const { primary } = context;
  const schedule = createSchedule();
  let wait = 0;
  let leftovers = true;
  // As long as something is found, or no place is free to look for it, the next look comes soon.
  const takeOver = async () => {
    leftovers = true;
    const entries = await fill(slots, concurrency, async (count) => {
      const found = await takeOverEntries(primary, { consumer: holder, idleMs: policy.lease, count });
      leftovers = found.length > 0;
      return found;
    });
    void intake.claim(entries);
  };
  const upkeep = async () => {
    await reportDispatcher(primary, holder);
    await buryDeleted(context);
    await reviveReadable(context);
  };
  const promote = async () => {
    await unpark(primary, policy);
    const { nextMs = patience } = await promoteDue(primary, promoteLimit);
    wait = Math.min(patience, Math.max(1, nextMs));
  };
  return {
    wait: () => (leftovers ? Math.min(wait, busyInterval) : wait),
    async perform() {
      if (schedule.isDue("take over", leftovers ? busyInterval : upkeepInterval)) await takeOver();
      if (schedule.isDue("upkeep", upkeepInterval)) await upkeep();
      if (schedule.isDue("trim", trimInterval)) await trimAcknowledged(primary);
      if (schedule.isDue("promote", Math.min(wait, busyInterval))) await promote();
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
