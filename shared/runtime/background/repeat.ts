import type { Budget, Round } from "./background.ts";

export interface Rounds {
  /** Asks for a round that begins after the call, and gives what it did. */
  request(budget: () => Budget): Promise<Round>;
  /** Resolves when no round is running. */
  untilIdle(): Promise<void>;
}

/**
 * Runs one round at a time, however many are asked for: whoever asks during a round shares the next one, because the
 * running one may already have looked where the new work is.
 */
export function createRounds(run: (budget: Budget) => Promise<Round>): Rounds {
  let running: Promise<unknown> | undefined;
  let next: Promise<Round> | undefined;

  function start(budget: () => Budget): Promise<Round> {
    const round = run(budget());
    const ended = round
      .catch(() => {})
      .then(() => {
        if (running === ended) running = undefined;
      });
    running = ended;
    return round;
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
