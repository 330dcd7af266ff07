import type { Logger } from "./logger.ts";

/** Time between two lines, in ms. */
const interval = 60_000;
/** Tasks that a line names. */
const mostNamed = 10;

/**
 * Logs tasks that cannot be read: the first one at once, then one line a minute at most, with how many there were and some of
 * them by id and reason.
 */
export function createUnreadableLog(log: Logger, intervalMs = interval): (task: string, reason: string) => void {
  let met = new Map<string, string>();
  let pause: NodeJS.Timeout | undefined;
  const write = () => {
    pause = undefined;
    if (met.size === 0) return;
    const tasks = [...met].slice(0, mostNamed).map(([task, reason]) => ({ task, reason }));
    log.error({ count: met.size, tasks }, "Tasks cannot be read and are set aside; whoever writes them must mend them");
    met = new Map();
    pause = setTimeout(write, intervalMs).unref();
  };
  return (task, reason) => {
    met.set(task, reason);
    if (!pause) write();
  };
}
