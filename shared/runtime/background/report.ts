import type { Round } from "./background.ts";

/** A round as its triggers are told of it. */
export function reportOf({ handled, left, nextDueSeconds }: Round) {
  return { handled, left, next_due_seconds: nextDueSeconds };
}
