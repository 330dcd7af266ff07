import type { Redis } from "ioredis";
import { sendHeartbeat } from "../../../task-state/index.ts";

/** The heartbeats that keep a dispatcher's leases valid. */
export interface Heartbeat {
  /**
   * Resolves when Redis has stored a recent heartbeat, so that leases claimed next are valid. @throws the error of Redis
   */
  ensure(): Promise<void>;
  /** Call after an error of Redis: the next `ensure` sends a heartbeat, because only that proves that Redis takes writes again. */
  invalidate(): void;
  /** Stops the heartbeats; the leases stay valid until they expire. */
  stop(): void;
}

/** Longest time between two heartbeats, in ms: leases expire soon after a crash, and an idle dispatcher costs little. */
const longestInterval = 2500;
/** Least number of heartbeats per lease: several may fail before the leases expire. */
const heartbeatsPerLease = 8;

/** Starts the heartbeats. @param leaseMs how long the leases stay valid after each one */
export function startHeartbeat(redis: Redis, holder: string, leaseMs: number): Heartbeat {
  const interval = Math.min(longestInterval, leaseMs / heartbeatsPerLease);
  let stored = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  const beat = () => {
    const sentAt = performance.now();
    underWay ??= sendHeartbeat(redis, holder, leaseMs)
      .then(() => {
        stored = sentAt;
      })
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
  // The next call that needs Redis reports the error.
  const timer = setInterval(() => beat().catch(() => {}), interval);
  return {
    async ensure() {
      if (performance.now() - stored > leaseMs / 4) await beat();
    },
    invalidate() {
      stored = Number.NEGATIVE_INFINITY;
    },
    stop: () => clearInterval(timer),
  };
}
