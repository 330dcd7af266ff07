import type { Logger } from "../../../shared/logger.ts";
import { acknowledge, claim, isUnavailable, recordMalformedEntry, type WorkEntry } from "../../../task-state/index.ts";
import { type Attendance, attend } from "./attend.ts";
import { isCapped } from "./policy.ts";
import { beginFresh } from "./settle.ts";
import type { Slots } from "./slots.ts";

/** Handles entries for which places have been taken, and gives each place back when its task is let go of. */
export type Intake = (entries: readonly WorkEntry[]) => Promise<void>;

/** `onHandled` is told of each task that was attended to. Errors are logged: what they leave behind stays pending. */
export function createIntake(attendance: Attendance, slots: Slots, onHandled: () => void): Intake {
  const { context, holder, policy, log } = attendance;
  return async (entries) => {
    let places = entries.length;
    try {
      await dropMalformed(attendance, entries);
      const begin = mayBegin(attendance) ? beginFresh(policy) : undefined;
      const claims = await claim(context, entries, { holder, leaseMs: policy.lease, begin });
      slots.give(places - claims.length);
      places = 0;
      await Promise.all(
        claims.map((claimed) =>
          attend(attendance, claimed)
            .then(onHandled, (error) => logFault(log, error))
            .finally(() => slots.give(1)),
        ),
      );
    } catch (error) {
      slots.give(places);
      logFault(log, error);
    }
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
    await acknowledge(context.primary, entryId);
  }
}

/** A lost Redis is expected to come back; anything else is a defect. */
export function logFault(log: Logger, error: unknown): void {
  if (isUnavailable(error)) log.warn({ cause: error.message }, "Redis cannot be used; going on when it is back");
  else log.error({ err: error }, "dispatcher fault");
}
