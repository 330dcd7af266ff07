import { expect, test, vi } from "vitest";
import {
  type BackgroundFunction,
  backgroundFunction,
  type RunResult,
} from "../../shared/runtime/background/background.ts";
import { backgroundLambdaHandler, budgetOf } from "../../shared/runtime/background/lambda.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const context = (milliseconds: number) => ({ getRemainingTimeInMillis: () => milliseconds });
const batch = { Records: ["a", "b"].map((messageId) => ({ messageId, eventSource: "aws:sqs" })) };

function handlerOf(complete: boolean) {
  const done: RunResult = { handled: 1, left: complete ? 0 : 2, nextDueSeconds: null, complete };
  const run = vi.fn(async () => done);
  const fn: BackgroundFunction = backgroundFunction({
    name: "a-function",
    summary: "Does nothing",
    open: () => ({ run, runResident: async () => {}, close: async () => {} }),
  });
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_LOG_LEVEL: "CRITICAL" };
  return { handler: backgroundLambdaHandler(fn, environment), run };
}

test("a complete run removes every message of a batch, whatever their number", async () => {
  const { handler, run } = handlerOf(true);
  expect(await handler(batch, context(60_000))).toMatchObject({ handled: 1, batchItemFailures: [] });
  expect(run).toHaveBeenCalledTimes(1);
});

test("an unfinished run returns every message of its batch to the queue", async () => {
  const { handler } = handlerOf(false);
  const failures = [{ itemIdentifier: "a" }, { itemIdentifier: "b" }];
  expect(await handler(batch, context(60_000))).toMatchObject({ batchItemFailures: failures });
});

test("an unfinished run fails the invocation of a schedule, so that it is retried", async () => {
  const { handler } = handlerOf(false);
  await expect(handler({ source: "aws.events" }, context(60_000))).rejects.toThrow("work remains");
});

test("a run leaves time to finish work in flight before the deadline", () => {
  const { finishMs } = budgetOf(context(20_000), 60_000);
  expect(finishMs).toBe(9_500);
  expect(budgetOf(context(60_000), 25_000).finishMs).toBe(34_000);
});

test("a run with almost no time left starts nothing", async () => {
  const { signal, finishMs } = budgetOf(context(500), 25_000);
  expect(finishMs).toBe(0);
  await vi.waitUntil(() => signal.aborted, { timeout: 15_000 });
});
