import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../../shared/logger.ts";
import { isUnavailable, type TaskStore } from "../../../task-state/index.ts";

/** One round: brings the indexes in line with the records and logs what was mended. Never throws. */
export async function clean(store: TaskStore, log: Logger, signal?: AbortSignal): Promise<void> {
  try {
    const { adopted, dropped, retired, buried } = await store.repair(signal);
    const mended = adopted + dropped + retired + buried > 0;
    log[mended ? "info" : "debug"]({ adopted, dropped, retired, buried }, "janitor's round is done");
  } catch (error) {
    if (isUnavailable(error)) log.warn({ cause: error.message }, "Redis cannot be used; the janitor tries again later");
    else log.error({ err: error }, "janitor fault");
  }
}

/** A round at once and then one every `intervalSeconds`, until the signal aborts. */
export async function runJanitor(
  store: TaskStore,
  log: Logger,
  intervalSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clean(store, log, signal);
    await delay(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
