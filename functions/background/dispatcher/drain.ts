import type { Redis } from "ioredis";
import type { Budget, RunResult } from "../../../shared/runtime/background/background.ts";
import { forgetConsumers, promoteDue, readDispatchState } from "../../../task-state/index.ts";
import { type DispatcherOptions, runDispatcher } from "./dispatcher.ts";

/** How long the queue must stay empty before a drain ends, in ms. */
const pollInterval = 20;
/** Idle time after which a consumer is removed, in ms. A resident dispatcher reads twice a second. */
const consumerMemory = 60_000;

/**
 * Processes the queue as a resident dispatcher does, until nothing is due or the budget is spent; claimed tasks are then
 * finished or handed back.
 * @throws the error of Redis when it is unavailable
 */
export async function drain(options: DispatcherOptions, blocking: Redis, budget: Budget): Promise<RunResult> {
  const { primary } = options.context;
  // A dispatcher waits until Redis is available again; the caller of a drain gets the error instead.
  await primary.ping();
  const idle = new AbortController();
  const signal = AbortSignal.any([budget.signal, idle.signal]);
  const onIdle = () => idle.abort();
  let lost: Error | undefined;
  const onUnavailable = (error: Error) => {
    lost = error;
    idle.abort();
  };
  const once = { ...options, shutdownGrace: budget.finishMs, pollInterval, onIdle, onUnavailable };
  const handled = await runDispatcher(once, blocking, signal);
  if (lost) throw lost;
  await forgetConsumers(primary, consumerMemory);
  const [{ waiting }, { nextMs }] = await Promise.all([readDispatchState(primary), promoteDue(primary, 0)]);
  return {
    handled,
    left: waiting,
    nextDueSeconds: nextMs === undefined ? null : Math.ceil(nextMs / 1000),
    complete: idle.signal.aborted,
  };
}
