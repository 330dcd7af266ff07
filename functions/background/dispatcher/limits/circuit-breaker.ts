import type { Outcome } from "../scheduler/outcome.ts";
import { backoff, type Policy } from "./policy.ts";

/** The right to send one request. Must be closed: with its outcome, or without one when it was not sent. The first call counts. */
export type Admission = (outcome?: Outcome) => void;

/**
 * Keeps the backlog waiting while the scheduler as a whole is away, and lets the rate grow again afterwards.
 * Open: everybody goes through. Shut: nobody, until the next probe is due. Probing: one request alone is under way.
 */
export interface Gate {
  /** How many requests may be under way now, at most `places`. */
  limit(places: number): number;
  /** How long until a shut gate lets a probe through, in ms; 0 when it waits for something else. */
  wait(): number;
  /** True while everybody goes through. */
  isOpen(): boolean;
  /** Lets one request through, or nothing while the gate is shut. */
  enter(): Admission | undefined;
  /** Lets a request through that was begun while the gate was open. */
  enterBegun(): Admission;
}

/** Failures in a row that shut the gate: one may be a restart of a single replica. */
const failuresToShut = 3;
/** Requests that may be under way after a failure; the number doubles with every success. */
const firstRamp = 2;

/** An open gate. `now` in ms. */
export function createGate(policy: Policy, now: () => number = () => performance.now()): Gate {
  let failures = 0;
  let probeAt = 0;
  let probing = false;
  let ramp = Number.POSITIVE_INFINITY;
  const isShut = () => failures >= failuresToShut;
  const isProbeDue = () => !probing && now() >= probeAt;

  const learn = (outcome: Outcome, isProbe: boolean) => {
    const away = outcome.kind === "not_started" && outcome.away;
    // What was under way when the gate shut tells nothing new about when to knock again.
    if (isShut() && !isProbe && (away || outcome.kind === "unknown_fate")) return;
    if (away || (outcome.kind === "unknown_fate" && isShut())) {
      failures += 1;
      ramp = firstRamp;
      const failedProbes = Math.max(1, failures - failuresToShut + 1);
      probeAt = now() + ((away && outcome.retryAfterMs) || backoff(policy, failedProbes));
    } else if (outcome.kind !== "unknown_fate") {
      ramp = isShut() ? firstRamp : ramp * 2;
      failures = 0;
    }
  };

  const admission = (isProbe: boolean): Admission => {
    let closed = false;
    return (outcome) => {
      if (closed) return;
      closed = true;
      if (isProbe) probing = false;
      if (outcome) learn(outcome, isProbe);
    };
  };

  return {
    limit(places) {
      if (isShut()) return isProbeDue() ? Math.min(places, 1) : 0;
      return Math.min(places, ramp);
    },
    wait: () => (isShut() && !probing ? Math.max(0, probeAt - now()) : 0),
    isOpen: () => !isShut(),
    enterBegun: () => admission(false),
    enter() {
      if (isShut() && !isProbeDue()) return undefined;
      const isProbe = isShut();
      if (isProbe) probing = true;
      return admission(isProbe);
    },
  };
}
