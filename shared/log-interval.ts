/**
 * Creates a request to call `write`: the first request calls it at once, those of the following interval share one call at its
 * end. The timer keeps no process running.
 */
export function atMostEvery(intervalMs: number, write: () => void): () => void {
  let pause: NodeJS.Timeout | undefined;
  let requested = false;
  const call = () => {
    requested = false;
    pause = setTimeout(() => {
      pause = undefined;
      if (requested) call();
    }, intervalMs).unref();
    write();
  };
  return () => {
    requested = true;
    if (!pause) call();
  };
}
