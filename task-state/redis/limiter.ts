/** Runs functions with limited concurrency; the others wait in order. */
export type Limiter = <Result>(run: () => Promise<Result>) => Promise<Result>;

/** Creates a limiter with this concurrency. */
export function createLimiter(concurrency: number): Limiter {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  return async (run) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
