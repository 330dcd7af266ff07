import type { Random } from "../support/random.ts";
import type { Fault } from "./settings.ts";

/** The faults that are on. */
export interface Faults {
  add(faults: readonly Fault[]): void;
  clear(): void;
  /** The fault that meets this request, if any; one of its count is used up. */
  meet(on: Fault["on"], user: string): Fault | undefined;
}

export function createFaults(random: Random): Faults {
  let faults: { fault: Fault; left: number }[] = [];
  return {
    add(more) {
      faults.push(...more.map((fault) => ({ fault, left: fault.count ?? Number.POSITIVE_INFINITY })));
    },
    clear() {
      faults = [];
    },
    meet(on, user) {
      const met = faults.find(
        ({ fault, left }) =>
          left > 0 &&
          fault.on === on &&
          (fault.user === undefined || fault.user === user) &&
          (fault.probability === 1 || random.chance(fault.probability)),
      );
      if (met) met.left -= 1;
      return met?.fault;
    },
  };
}
