/** What the lifetimes of a task's keys follow from. */
export interface Lifetimes {
  /** Lifetime of task data and indexes, in seconds, counted from the last save. */
  readonly ttlSeconds: number;
}

/** Metadata outlives its record by a minute, as other programs expect. */
export function metadataTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 60;
}

/** The sidecar outlives the record by an hour, so that what an expired record leaves behind can still be found. */
export function sidecarTtl({ ttlSeconds }: Lifetimes): number {
  return ttlSeconds + 3600;
}

/** Sets whose last refresh is remembered. */
const rememberedSets = 10_000;

/**
 * Makes a check that lets the expiry of each set be refreshed once per thousandth of its lifetime, and not with every save:
 * a busy set would otherwise be told its expiry thousands of times a second.
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

/** How long a deleted id is remembered, so that a late writer cannot bring the task back, in ms. */
export const deletionMemory = 15 * 60_000;
