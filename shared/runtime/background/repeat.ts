import type { Budget, RunResult } from "./background.ts";

export interface RunQueue {
  /** Requests a run that begins after the call, and gives its result. */
  request(budget: () => Budget): Promise<RunResult>;
  /** Resolves when nothing is running. */
  untilIdle(): Promise<void>;
}

/**
 * Runs one at a time, however many runs are requested: all requests during a run share the next one, because the current
 * one may already have passed the new work.
 */
export function createRunQueue(run: (budget: Budget) => Promise<RunResult>): RunQueue {
  let running: Promise<unknown> | undefined;
  let next: Promise<RunResult> | undefined;

  function start(budget: () => Budget): Promise<RunResult> {
    const result = run(budget());
    const ended = result
      .catch(() => {})
      .then(() => {
        if (running === ended) running = undefined;
      });
    running = ended;
    return result;
  }

  return {
    request(budget) {
      if (!running) return start(budget);
      next ??= running.then(() => {
        next = undefined;
        return start(budget);
      });
      return next;
    },
    async untilIdle() {
      while (running) await running;
    },
  };
}
