import type { Config } from "../../../../shared/config.ts";
import type { Caps } from "../../../../task-state/index.ts";

/** The limits and times of a dispatcher. Times in ms. */
export interface Policy {
  /** Timeout of one request to the scheduler. */
  readonly requestTimeout: number;
  /** Wait before the fate of a submission without a clear answer is checked. */
  readonly grace: number;
  readonly maxAttempts: number;
  readonly minBackoff: number;
  readonly maxBackoff: number;
  /** How long leases stay valid after the last heartbeat; more than two request timeouts. */
  readonly lease: number;
  /** Age at which a task that was never submitted fails; 0: no limit. */
  readonly maxAge: number;
  readonly caps: Caps;
}

/** Derives the policy from the configuration. */
export function policyOf(config: Config): Policy {
  const requestTimeout = config.requestTimeoutSeconds * 1000;
  return {
    requestTimeout,
    grace: config.dispatchGraceSeconds * 1000,
    maxAttempts: config.dispatchMaxAttempts,
    minBackoff: config.dispatchMinBackoffSeconds * 1000,
    maxBackoff: config.dispatchMaxBackoffSeconds * 1000,
    lease: 2 * requestTimeout + Math.min(5000, Math.max(1000, requestTimeout)),
    maxAge: config.dispatchMaxAgeSeconds * 1000,
    caps: {
      maxInFlight: config.dispatchMaxInFlight,
      // One less than the concurrency, so that no single user can use all of it.
      maxInFlightPerUser: Math.min(config.dispatchMaxInFlightPerUser, Math.max(1, config.eventWorkerCount - 1)),
      ratePerSecond: config.dispatchRatePerSecond,
    },
  };
}

/** The wait after a failed attempt (1 for the first), in ms: exponential, with full jitter. */
export function backoff({ minBackoff, maxBackoff }: Policy, attempt: number, random = Math.random): number {
  const ceiling = Math.min(maxBackoff, minBackoff * 2 ** Math.min(attempt - 1, 30));
  // Full jitter may be zero; the floor keeps a refused connection from being retried in a tight loop.
  return Math.max(minBackoff / 2, Math.round(ceiling * random()));
}

/** True when submissions need a permit. */
export function isCapped({ caps }: Policy): boolean {
  return caps.maxInFlight > 0 || caps.maxInFlightPerUser > 0 || caps.ratePerSecond > 0;
}
