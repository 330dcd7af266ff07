import type { ConcurrencyLimiter } from "./concurrency.ts";

/** A task's permit of the concurrency limiter. */
export interface ConcurrencyPermit {
  /** Releases the permit when no request will follow: another task may start while the last commit is still under way. */
  release(): void;
  /** Acquires the permit again, even beyond the limit, so that no further task starts meanwhile. */
  reacquire(): void;
}

/** Wraps a permit that is already acquired. */
export function createConcurrencyPermit(limiter: ConcurrencyLimiter): ConcurrencyPermit {
  let held = true;
  return {
    release() {
      if (held) limiter.release(1);
      held = false;
    },
    reacquire() {
      if (!held) limiter.forceAcquire(1);
      held = true;
    },
  };
}
