import { EventEmitter, once } from "node:events";

/** A number of places for tasks that are handled at once. */
export interface Slots {
  /** Takes up to `most` free places, and says how many. */
  take(most?: number): number;
  /** Gives places back. */
  give(count: number): void;
  /** Resolves when a place is free, or the signal aborts. */
  untilFree(signal: AbortSignal): Promise<void>;
  /** True when all places are free. */
  isIdle(): boolean;
  /** Resolves when all places are free. */
  untilIdle(): Promise<void>;
}

/** All places are free at first. */
export function createSlots(total: number): Slots {
  let free = total;
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  return {
    take(most = total) {
      const taken = Math.min(free, most);
      free -= taken;
      return taken;
    },
    give(count) {
      free += count;
      if (count > 0) changes.emit("change");
    },
    async untilFree(signal) {
      while (free === 0 && !signal.aborted) await once(changes, "change", { signal }).catch(() => {});
    },
    isIdle: () => free === total,
    async untilIdle() {
      while (free < total) await once(changes, "change");
    },
  };
}
