import { setTimeout as pause } from "node:timers/promises";

export interface UntilOptions {
  /** Only a failure takes this long; it includes a margin for a busy machine. @default 15000 */
  readonly timeoutMs?: number;
}

const everyMs = 5;

/**
 * Repeats a check until it gives a truthy value, and gives that value. A check that throws is repeated too.
 * @throws Error after the timeout, with the last thrown error as its `cause`.
 */
export async function until<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 15_000 }: UntilOptions = {},
): Promise<Exclude<T, undefined | null | false | "" | 0>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await check();
      if (value) return value as Exclude<T, undefined | null | false | "" | 0>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(everyMs);
  } while (performance.now() < deadline);
  throw new Error(`not so after ${timeoutMs} ms: ${check}`, { cause });
}
