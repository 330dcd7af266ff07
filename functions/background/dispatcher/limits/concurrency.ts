import { EventEmitter, once } from "node:events";

/** A number of places for tasks that are handled at once. */
export interface Slots {
  inUse(): number;
  /** Takes up to `most` free places, and says how many. */
  take(most: number): number;
  /** Takes places, be it more than there are: nobody is given one until all of these are back. */
  hold(count: number): void;
  /** Gives places back. Those who wait are told once in a turn of the event loop, or at once when `enough` are free. */
  give(count: number): void;
  /** Ends all waits for a change. */
  wake(): void;
  /** Resolves when places are given back, after `ms` where given, or when the signal aborts. */
  untilChange(signal: AbortSignal, ms?: number): Promise<void>;
  /** Resolves when all places are free. */
  untilIdle(): Promise<void>;
}

/** All places are free at first. */
export function createSlots(total: number, enough = total): Slots {
  let used = 0;
  let announced = false;
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const wake = () => {
    announced = false;
    changes.emit("change");
  };
  return {
    inUse: () => used,
    wake,
    take(most) {
      const taken = Math.max(0, Math.min(total - used, most));
      used += taken;
      return taken;
    },
    hold(count) {
      used += count;
    },
    give(count) {
      used -= count;
      if (count <= 0) return;
      if (total - used >= enough) wake();
      else if (!announced) {
        announced = true;
        setImmediate(() => {
          if (announced) wake();
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

/** Reads at most as many items as there are free places, and holds a place for each. */
export async function fill<Item>(
  slots: Slots,
  places: number,
  read: (count: number) => Promise<Item[]>,
): Promise<Item[]> {
  const count = slots.take(places);
  if (count === 0) return [];
  let used = 0;
  try {
    const items = await read(count);
    used = items.length;
    return items;
  } finally {
    slots.give(count - used);
  }
}
