import { createThrottle } from "./throttle.ts";

/** The base of the lifetimes of a task's keys. */
export interface Lifetimes {
  /** Lifetime of task data and indexes, in seconds, counted from the last save. */
  readonly ttlSeconds: number;
}

/** Metadata outlives its record by a minute, as other programs expect. */
export function metadataTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 60;
}

/** The sidecar outlives the record by an hour, so that leftovers of an expired record can still be found. */
export function sidecarTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 3600;
}

/**
 * Creates a check that allows a refresh of each set's expiry once per thousandth of its lifetime: otherwise the expiry of a
 * busy set would be set thousands of times a second.
 */
export function createRefreshCheck(ttlSeconds: number): (set: string) => boolean {
  return createThrottle(ttlSeconds);
}

/** How long lists read an ended task from the primary after a change, in ms: no replica is expected to lag longer. */
export const amendedMemory = 10 * 60_000;

/** Lifetime of the tombstone of a deleted task, which keeps a late writer from restoring the task, in ms. */
export const deletionMemory = 15 * 60_000;
