import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Maximum size of V8's young generation, in bytes; without a limit it takes a hundred MiB under load. */
const youngLimit = 4 * 1024 * 1024;
/** Maximum growth of the old generation between two major collections, in percent. */
const growthPercent = 20;
/** Interval at which the size of the young generation is checked until it reaches the limit, in ms. */
const checkInterval = 20;

/**
 * Keeps V8 from allocating directly into the old generation, in processes that answer requests. V8 may otherwise mistake
 * the objects of a first burst of requests, which are alive at the first garbage collection, for long-lived ones. From
 * then on it keeps everything that such objects refer to until the next major collection, and each request costs half as
 * much again. Also limits the young generation to a few MiB, and lets the old generation grow in small steps, so that the
 * memory of slow readers is collected soon. Call it after the start, because V8 then accepts no code cache any more.
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function allocateYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    if (young && young.space_size < youngLimit) return;
    setFlagsFromString("--semi-space-growth-factor=1");
    clearInterval(timer);
  }, checkInterval).unref();
}
