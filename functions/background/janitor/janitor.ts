import { setTimeout as delay } from "node:timers/promises";
import type { Services } from "../../../shared/services.ts";
import { forgetConsumers, isUnavailable, removeLeftovers } from "../../../task-state/index.ts";

/** Idle time after which a dispatcher is considered gone, in ms. */
const consumerMemory = 60 * 60_000;

type Parts = Pick<Services, "store" | "context" | "log">;

/**
 * One sweep: puts tasks back on the work stream that lost their place there, removes leftovers of tasks that are gone, brings the indexes in line with the records, removes dispatchers that
 * are gone, and logs the repairs.
 * @returns the number of repairs
 */
export async function mend({ store, context, log }: Parts, signal?: AbortSignal): Promise<number> {
  const { requeued, purged, cleared } = await removeLeftovers(context, signal);
  const { adopted, dropped, retired, returned } = await store.repair(signal);
  const forgotten = await forgetConsumers(context.primary, consumerMemory);
  const done = { requeued, purged, cleared, adopted, dropped, retired, returned, forgotten };
  const repairs = Object.values(done).reduce((sum, count) => sum + count, 0);
  log[repairs > 0 ? "info" : "debug"](done, "janitor finished a sweep");
  return repairs;
}

/** One sweep that never throws: the next one comes anyway. */
export async function clean(parts: Parts, signal?: AbortSignal): Promise<void> {
  try {
    await mend(parts, signal);
  } catch (error) {
    if (isUnavailable(error)) {
      parts.log.warn({ cause: error.message }, "Redis is unavailable; the janitor retries at the next sweep");
    } else parts.log.error({ err: error }, "janitor fault");
  }
}

/** Sweeps at once and then every `intervalSeconds`, until the signal aborts. */
export async function runJanitor(services: Parts, intervalSeconds: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clean(services, signal);
    await delay(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
