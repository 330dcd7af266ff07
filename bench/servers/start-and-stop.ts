import type { Served } from "./serve.ts";

/**
 * A server that works between the questions `start` and `stop`, so that one warm process is measured several times.
 * @param start starts the work and returns the function that stops it
 */
export function startAndStop(start: () => () => Promise<unknown>): Served {
  let end: (() => Promise<unknown>) | undefined;
  async function stop(): Promise<void> {
    const ending = end;
    end = undefined;
    await ending?.();
  }
  return {
    async answer({ verb }) {
      await stop();
      if (verb === "start") end = start();
    },
    stop,
  };
}
