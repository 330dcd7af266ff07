import type { Redis } from "ioredis";
import { giveSign } from "../../../task-state/index.ts";

/** The signs of life by which a dispatcher keeps its leases. */
export interface Heartbeat {
  /**
   * Resolves when Redis has stored a sign lately, so that what is claimed next is kept. @throws the error of Redis
   */
  ensure(): Promise<void>;
  /** Redis has failed: the next `ensure` waits for a new sign, because nothing else shows that Redis takes writes again. */
  doubt(): void;
  /** Ends the signs; the leases go on for as long as they last. */
  stop(): void;
}

/** The longest time between two signs, in ms: leases end soon after a death, and an idle dispatcher costs next to nothing. */
const longestInterval = 2500;
/** Signs in the length of a lease, at least: several may fail before the leases are over. */
const signsPerLease = 8;

/** Begins to give signs. @param leaseMs how long the leases hold after each of them */
export function startHeartbeat(redis: Redis, holder: string, leaseMs: number): Heartbeat {
  const interval = Math.min(longestInterval, leaseMs / signsPerLease);
  let stored = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  const sign = () => {
    const sentAt = performance.now();
    underWay ??= giveSign(redis, holder, leaseMs)
      .then(() => {
        stored = sentAt;
      })
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
  // What fails here is met by whoever needs Redis next, who says so.
  const timer = setInterval(() => sign().catch(() => {}), interval);
  return {
    async ensure() {
      if (performance.now() - stored > leaseMs / 4) await sign();
    },
    doubt() {
      stored = Number.NEGATIVE_INFINITY;
    },
    stop: () => clearInterval(timer),
  };
}
