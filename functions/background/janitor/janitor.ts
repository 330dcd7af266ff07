import { setTimeout as delay } from "node:timers/promises";
import type { Services } from "../../../shared/services.ts";
import { forgetConsumers, isUnavailable, removeLeftovers, trimAcknowledged } from "../../../task-state/index.ts";

/** A dispatcher that has asked for nothing for this long is gone for good, in ms. */
const consumerMemory = 60 * 60_000;

type Parts = Pick<Services, "store" | "context" | "log">;

/**
 * One round: removes what is left of tasks that are gone, brings the indexes in line with the records, forgets dispatchers
 * that are gone, logs what was mended.
 * @returns how much was mended
 */
export async function mend({ store, context, log }: Parts, signal?: AbortSignal): Promise<number> {
  const { purged, cleared } = await removeLeftovers(context, signal);
  const { adopted, dropped, retired, buried } = await store.repair(signal);
  // A dispatcher that has ended leaves on the stream what it has acknowledged since its last trim.
  await trimAcknowledged(context.primary);
  const forgotten = await forgetConsumers(context.primary, consumerMemory);
  const done = { purged, cleared, adopted, dropped, retired, buried, forgotten };
  const mended = Object.values(done).reduce((sum, count) => sum + count, 0);
  log[mended > 0 ? "info" : "debug"](done, "janitor's round is done");
  return mended;
}

/** A round that never throws: the next one comes anyway. */
export async function clean(parts: Parts, signal?: AbortSignal): Promise<void> {
  try {
    await mend(parts, signal);
  } catch (error) {
    if (isUnavailable(error)) {
      parts.log.warn({ cause: error.message }, "Redis cannot be used; the janitor tries again later");
    } else parts.log.error({ err: error }, "janitor fault");
  }
}

/** A round at once and then one every `intervalSeconds`, until the signal aborts. */
export async function runJanitor(services: Parts, intervalSeconds: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clean(services, signal);
    await delay(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
