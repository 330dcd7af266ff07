import { setTimeout as delay } from "node:timers/promises";
import type { Services } from "../../../shared/services.ts";
import { forgetConsumers, isUnavailable } from "../../../task-state/index.ts";

/** A dispatcher that has asked for nothing for this long is gone for good, in ms. */
const consumerMemory = 60 * 60_000;

/** One round: brings the indexes in line with the records, forgets dispatchers that are gone, logs what was mended. Never throws. */
export async function clean(
  { store, context, log }: Pick<Services, "store" | "context" | "log">,
  signal?: AbortSignal,
): Promise<void> {
  try {
    const { adopted, dropped, retired, buried } = await store.repair(signal);
    const forgotten = await forgetConsumers(context.primary, consumerMemory);
    const mended = adopted + dropped + retired + buried + forgotten > 0;
    log[mended ? "info" : "debug"]({ adopted, dropped, retired, buried, forgotten }, "janitor's round is done");
  } catch (error) {
    if (isUnavailable(error)) log.warn({ cause: error.message }, "Redis cannot be used; the janitor tries again later");
    else log.error({ err: error }, "janitor fault");
  }
}

/** A round at once and then one every `intervalSeconds`, until the signal aborts. */
export async function runJanitor(
  services: Pick<Services, "store" | "context" | "log">,
  intervalSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clean(services, signal);
    await delay(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
