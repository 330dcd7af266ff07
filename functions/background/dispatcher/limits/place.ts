import type { Slots } from "./concurrency.ts";

/** A task's place among those that are handled at once. */
export interface Place {
  /** No request will follow any more: another task may have the place, though the last commit is still under way. */
  leave(): void;
  /** The place is needed on, be it beyond the number that there are, so that nothing more is taken in meanwhile. */
  keep(): void;
}

/** A place that has been taken. */
export function createPlace(slots: Slots): Place {
  let taken = true;
  return {
    leave() {
      if (taken) slots.give(1);
      taken = false;
    },
    keep() {
      if (!taken) slots.hold(1);
      taken = true;
    },
  };
}
