import type { Redis } from "ioredis";

/** Longest wait for the replicas, in ms. */
const waitTimeout = 1000;

/**
 * Creates a barrier: once it resolves with true, all earlier writes of `writer` are on `replicas` replicas.
 * WAIT blocks its connection, so the writer serves submissions only; callers that arrive during a WAIT share the next one, so
 * that missing replicas delay each caller by two timeouts at most.
 * @returns resolves with true when enough replicas have the writes, with false after the timeout
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
