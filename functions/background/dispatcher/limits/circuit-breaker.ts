import type { Outcome } from "../scheduler/outcome.ts";
import { backoff, type Policy } from "./policy.ts";

/** The right to send one request. Call it once: with the request's outcome, or without one if it was not sent. */
export type Admission = (outcome?: Outcome) => void;

/**
 * Stops requests while the scheduler as a whole is unavailable, and raises the concurrency step by step afterwards.
 * Closed: requests pass. Open: no request passes until the next probe is due. Half-open: one probe is under way.
 */
export interface CircuitBreaker {
  /** The number of requests that may be under way now, at most `concurrency`. */
  limit(concurrency: number): number;
  /** Time until an open breaker admits a probe, in ms; 0 when it is closed or half-open. */
  probeDelay(): number;
  /** True while requests pass. */
  isClosed(): boolean;
  /** Admits one request; `undefined` while the breaker admits none. */
  admit(): Admission | undefined;
  /** Admits a request that began while the breaker was closed. */
  admitBegun(): Admission;
}

/** Consecutive failures that open the breaker: a single one may be the restart of one replica. */
const failuresToOpen = 3;
/** Concurrency after a failure; it doubles with every success. */
const firstRamp = 2;

/** Creates a closed breaker. `now` in ms. */
export function createCircuitBreaker(policy: Policy, now: () => number = () => performance.now()): CircuitBreaker {
  let failures = 0;
  let probeAt = 0;
  let probing = false;
  let ramp = Number.POSITIVE_INFINITY;
  const isOpen = () => failures >= failuresToOpen;
  const isProbeDue = () => !probing && now() >= probeAt;

  const record = (outcome: Outcome, isProbe: boolean) => {
    const unavailable = outcome.kind === "not_started" && outcome.unavailable;
    // Failures of requests that were under way when the breaker opened do not change the time of the next probe.
    if (isOpen() && !isProbe && (unavailable || outcome.kind === "unknown_fate")) return;
    if (unavailable || (outcome.kind === "unknown_fate" && isOpen())) {
      failures += 1;
      ramp = firstRamp;
      const failedProbes = Math.max(1, failures - failuresToOpen + 1);
      probeAt = now() + ((unavailable && outcome.retryAfterMs) || backoff(policy, failedProbes));
    } else if (outcome.kind !== "unknown_fate") {
      ramp = isOpen() ? firstRamp : ramp * 2;
      failures = 0;
    }
  };

  const admission = (isProbe: boolean): Admission => {
    let closed = false;
    return (outcome) => {
      if (closed) return;
      closed = true;
      if (isProbe) probing = false;
      if (outcome) record(outcome, isProbe);
    };
  };

  return {
    limit(concurrency) {
      if (isOpen()) return isProbeDue() ? Math.min(concurrency, 1) : 0;
      return Math.min(concurrency, ramp);
    },
    probeDelay: () => (isOpen() && !probing ? Math.max(0, probeAt - now()) : 0),
    isClosed: () => !isOpen(),
    admitBegun: () => admission(false),
    admit() {
      if (isOpen() && !isProbeDue()) return undefined;
      const isProbe = isOpen();
      if (isProbe) probing = true;
      return admission(isProbe);
    },
  };
}
