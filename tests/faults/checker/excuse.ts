import type { Case } from "./case.ts";
import type { Operation, Submission } from "./history.ts";

/** Room for a process to begin and to notice, in ms. */
const slack = 1500;

/**
 * True when nobody could know that the first submission had been carried out, so that the second one was allowed. With a
 * scheduler that shows its acceptance in the record that is never so. One that is silent leaves only its answer: it may
 * have come to nobody, or to a dispatcher that was killed, stopped past its lease or cut off before it could store it.
 */
export function mayRepeat(of: Case, one: Submission, other: Submission): boolean {
  const { silence, timeoutMs, graceMs } = of.header;
  if (silence === "talks" || other.at - one.at < graceMs) return false;
  // The status line alone settles it, whatever becomes of the rest.
  const answered = one.status !== undefined && one.status >= 200 && one.status < 300;
  // Half of the time limit: a busy machine may hand the rest of it to somebody else.
  if (!answered || (one.statusAt ?? Number.POSITIVE_INFINITY) - one.at > timeoutMs / 2) return true;
  const until = underWayUntil(of, one.at);
  return of.faults.some((fault) => isDeadly(of, fault) && fault.from <= until && fault.to >= one.at - timeoutMs);
}

/** True for a fault by which a dispatcher loses what it knows, or its leases. */
function isDeadly({ header }: Case, { verb, args, from, to }: Operation): boolean {
  if (args.on !== "dispatcher") return false;
  return verb.endsWith("killed") || to - from + slack >= header.leaseMs + header.graceMs;
}

/** By when a living dispatcher has stored the outcome: not while Redis takes nothing. */
function underWayUntil({ faults, header }: Case, at: number): number {
  let until = at + header.timeoutMs + slack;
  for (let before = 0; before < until; ) {
    before = until;
    for (const { args, from, to } of faults) {
      if (args.on === "redis" && from <= until && to >= at) until = Math.max(until, Math.min(to, 1e15) + slack);
    }
  }
  return until;
}
