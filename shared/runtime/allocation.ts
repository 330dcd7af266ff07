import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** How large V8's young generation may become, in bytes; left alone it takes a hundred MiB once much is under way. */
const youngLimit = 4 * 1024 * 1024;
/** How much the old generation may grow between two major collections, in percent. */
const growthPercent = 20;
/** How often the young generation's size is looked at until then, in ms. */
const checkInterval = 20;

/**
 * Keeps V8 from allocating straight into the old generation, for processes that answer requests. It may otherwise take the
 * first burst of requests, all of which are under way when memory is first collected, for objects that live long; from then
 * on everything that such an object refers to is kept until the next major collection, and a request costs half as much
 * again for as long as the process runs. Also ends the growth of the young generation at a few MiB, and lets the old one
 * grow in small steps, so that what slow readers leave behind is collected soon. To be called once a process has started,
 * because V8 takes no code cache any more.
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
