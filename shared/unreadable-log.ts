import { atMostEvery } from "./log-interval.ts";
import type { Logger } from "./logger.ts";

/** Minimum time between two lines, in ms. */
const interval = 60_000;
/** Tasks that a line names. */
const maxNamed = 10;

/**
 * Logs unreadable tasks: the first one at once, then at most one line a minute with their number and some ids and reasons.
 */
export function createUnreadableLog(log: Logger, intervalMs = interval): (task: string, reason: string) => void {
  let met = new Map<string, string>();
  const write = atMostEvery(intervalMs, () => {
    const tasks = [...met].slice(0, maxNamed).map(([task_id, reason]) => ({ task_id, reason }));
    log.error(
      { count: met.size, tasks },
      "unreadable tasks are set aside until the program that writes them repairs them",
    );
    met = new Map();
  });
  return (task, reason) => {
    met.set(task, reason);
    write();
  };
}
