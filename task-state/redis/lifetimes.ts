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

/** Sets whose last refresh is remembered. */
const rememberedSets = 10_000;

/**
 * Creates a check that allows a refresh of each set's expiry once per thousandth of its lifetime: otherwise the expiry of a
 * busy set would be set thousands of times a second.
 */
export function createRefreshCheck(ttlSeconds: number): (set: string) => boolean {
  const refreshedAt = new Map<string, number>();
  return (set) => {
    const now = performance.now();
    if (now - (refreshedAt.get(set) ?? Number.NEGATIVE_INFINITY) < ttlSeconds) return false;
    if (refreshedAt.size >= rememberedSets) refreshedAt.clear();
    refreshedAt.set(set, now);
    return true;
  };
}

/** Lifetime of the tombstone of a deleted task, which keeps a late writer from restoring the task, in ms. */
export const deletionMemory = 15 * 60_000;
