import type { Config } from "../../../../shared/config.ts";
import type { Caps } from "../../../../task-state/index.ts";

/** The numbers by which a dispatcher decides. Times in ms. */
export interface Policy {
  /** Limit of one request to the scheduler. */
  readonly requestTimeout: number;
  /** Wait before a submission of unknown fate is judged. */
  readonly grace: number;
  readonly maxAttempts: number;
  readonly minBackoff: number;
  readonly maxBackoff: number;
  /** How long claimed tasks are ours after the last sign of life; more than twice as long as a request may take. */
  readonly lease: number;
  /** Age at which a task that was never submitted fails; 0: none. */
  readonly maxAge: number;
  readonly caps: Caps;
}

/** The policy that a configuration asks for. */
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
      // One place less than there are, so that no single user ever takes them all.
      maxInFlightPerUser: Math.min(config.dispatchMaxInFlightPerUser, Math.max(1, config.eventWorkerCount - 1)),
      ratePerSecond: config.dispatchRatePerSecond,
    },
  };
}

/** The wait after an unsuccessful attempt (1 for the first), in ms: exponential, with full jitter. */
export function backoff({ minBackoff, maxBackoff }: Policy, attempt: number, random = Math.random): number {
  const ceiling = Math.min(maxBackoff, minBackoff * 2 ** Math.min(attempt - 1, 30));
  // Full jitter may come out at zero; a floor keeps a refused connection from being tried in a tight circle.
  return Math.max(minBackoff / 2, Math.round(ceiling * random()));
}

/** True when submissions need a permit. */
export function isCapped({ caps }: Policy): boolean {
  return caps.maxInFlight > 0 || caps.maxInFlightPerUser > 0 || caps.ratePerSecond > 0;
}
