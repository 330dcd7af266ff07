import type { Logger } from "../../../shared/logger.ts";
import {
  type Claim,
  claim,
  isUnavailable,
  recordMalformedEntry,
  type Taking,
  take,
  type WorkEntry,
} from "../../../task-state/index.ts";
import { type Attendance, attend } from "./attend.ts";
import { isCapped } from "./policy.ts";
import { createSlots, type Slots } from "./slots.ts";

/** Takes in work for places that have been taken; gives each place back once its task needs no request any more. */
export interface Intake {
  /** Reads and claims up to `count` tasks in one step. @returns how many entries there were */
  take(count: number): Promise<number>;
  /** Claims the tasks of entries that have been read. */
  claim(entries: readonly WorkEntry[]): Promise<void>;
  /** True when nothing is attended to. */
  isIdle(): boolean;
  /** Resolves when nothing is attended to. */
  untilIdle(): Promise<void>;
}

/** `onHandled` is told of each task that was attended to. Errors are logged: what they leave behind stays pending. */
export function createIntake(attendance: Attendance, slots: Slots, onHandled: () => void): Intake {
  const { context, express, holder, policy, log } = attendance;
  const attended = createSlots(Number.POSITIVE_INFINITY);
  const options = () => ({
    holder,
    leaseMs: policy.lease,
    begin: mayBegin(attendance) ? express.begin : undefined,
  });

  const attendTo = async (claimed: Claim) => {
    const leave = once(() => slots.give(1));
    try {
      await attend(attendance, claimed, leave);
      onHandled();
    } catch (error) {
      logFault(log, error);
    } finally {
      leave();
      attended.give(1);
    }
  };
  const takeIn = async (count: number, read: () => Promise<Taking>): Promise<number> => {
    attended.take(count);
    let unused = count;
    try {
      const { entries, claims } = await read();
      unused = count - claims.length;
      for (const claimed of claims) void attendTo(claimed);
      await dropMalformed(attendance, entries);
      return entries.length;
    } finally {
      slots.give(unused);
      attended.give(unused);
    }
  };
  return {
    take: (count) => takeIn(count, () => take(context, count, options())),
    async claim(entries) {
      const read = async () => ({ entries, claims: await claim(context, entries, options()) });
      await takeIn(entries.length, read).catch((error) => logFault(log, error));
    },
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

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** A lost Redis is expected to come back; anything else is a defect. */
export function logFault(log: Logger, error: unknown): void {
  if (isUnavailable(error)) log.warn({ cause: error.message }, "Redis cannot be used; going on when it is back");
  else log.error({ err: error }, "dispatcher fault");
}
