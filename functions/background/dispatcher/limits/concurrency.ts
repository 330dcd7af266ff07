import { EventEmitter, once } from "node:events";

/** Limits how many tasks are handled at once. */
export interface ConcurrencyLimiter {
  inUse(): number;
  /** Acquires up to `most` free permits. @returns how many */
  acquire(most: number): number;
  /** Acquires permits even beyond the limit: none is free until the excess is released. */
  forceAcquire(count: number): void;
  /** Releases permits. Waiters are notified once per turn of the event loop, or at once when `notifyAt` permits are free. */
  release(count: number): void;
  /** Resolves all waits for a change. */
  notify(): void;
  /** Resolves when permits are released, after `ms` if given, or when the signal aborts. */
  untilChange(signal: AbortSignal, ms?: number): Promise<void>;
  /** Resolves when all permits are free. */
  untilIdle(): Promise<void>;
}

/** Creates a limiter whose permits are all free. */
export function createConcurrencyLimiter(total: number, notifyAt = total): ConcurrencyLimiter {
  let used = 0;
  let announced = false;
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const notify = () => {
    announced = false;
    changes.emit("change");
  };
  return {
    inUse: () => used,
    notify,
    acquire(most) {
      const held = Math.max(0, Math.min(total - used, most));
      used += held;
      return held;
    },
    forceAcquire(count) {
      used += count;
    },
    release(count) {
      used -= count;
      if (count <= 0) return;
      if (total - used >= notifyAt) notify();
      else if (!announced) {
        announced = true;
        setImmediate(() => {
          if (announced) notify();
        });
      }
    },
    async untilChange(signal, ms) {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(end, ms);
        function end() {
          clearTimeout(timer);
          changes.off("change", end);
          signal.removeEventListener("abort", end);
          resolve();
        }
        changes.on("change", end);
        signal.addEventListener("abort", end);
      });
    },
    async untilIdle() {
      while (used > 0) await once(changes, "change");
    },
  };
}

/** Reads at most as many items as permits are free, and keeps one permit for each. */
export async function acquireAndRead<Item>(
  limiter: ConcurrencyLimiter,
  most: number,
  read: (count: number) => Promise<Item[]>,
): Promise<Item[]> {
  const count = limiter.acquire(most);
  if (count === 0) return [];
  let used = 0;
  try {
    const items = await read(count);
    used = items.length;
    return items;
  } finally {
    limiter.release(count - used);
  }
}
