import type { Redis } from "ioredis";

/** How long replicas may take to have what was written, in ms. */
const waitTimeout = 1000;

/**
 * Makes a barrier behind which everything that `writer` was asked to write before is on `replicas` replicas.
 * WAIT holds its connection, so the writer serves nothing but submissions; callers that come while one WAIT is under way
 * share the next, so that missing replicas delay each by two periods at most.
 * @returns resolves with true when enough replicas have it, with false when they did not in time
 */
export function createReplicationBarrier(writer: Redis, replicas: number): () => Promise<boolean> {
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;
  const wait = async () => (await writer.wait(replicas, waitTimeout)) >= replicas;
  return () => {
    if (!running) {
      running = wait().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running.then(start, start);
    return next;
  };

  function start(): Promise<boolean> {
    next = undefined;
    running = wait().finally(() => {
      running = undefined;
    });
    return running;
  }
}
