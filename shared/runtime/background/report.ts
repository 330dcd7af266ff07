import type { RunResult } from "./background.ts";

/** The result of a run as JSON for its trigger. */
export function reportOf({ handled, left, nextDueSeconds }: RunResult) {
  return { handled, left, next_due_seconds: nextDueSeconds };
}
