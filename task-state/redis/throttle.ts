/** Keys whose last time is remembered. */
const rememberedKeys = 10_000;

/** Creates a check that is true at most once in `intervalMs` for each key; it remembers a bounded number of keys. */
export function createThrottle(intervalMs: number): (key: string) => boolean {
  const passedAt = new Map<string, number>();
  return (key) => {
    const now = performance.now();
    if (now - (passedAt.get(key) ?? Number.NEGATIVE_INFINITY) < intervalMs) return false;
    if (passedAt.size >= rememberedKeys) passedAt.clear();
    passedAt.set(key, now);
    return true;
  };
}
