import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8 from allocating straight into the old generation, for processes that answer requests. It may otherwise take the
 * first burst of requests, all of which are under way when memory is first collected, for objects that live long; from then
 * on everything that such an object refers to is kept until the next major collection, and a request costs half as much
 * again for as long as the process runs. To be called once a process has started, because V8 takes no code cache any more.
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 */
export function allocateYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
