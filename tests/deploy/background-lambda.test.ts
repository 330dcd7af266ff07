import { expect, test, vi } from "vitest";
import { type BackgroundFunction, backgroundFunction, type Round } from "../../shared/runtime/background/background.ts";
import { backgroundLambdaHandler, budgetOf } from "../../shared/runtime/background/lambda.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const context = (milliseconds: number) => ({ getRemainingTimeInMillis: () => milliseconds });
const batch = { Records: ["a", "b"].map((messageId) => ({ messageId, eventSource: "aws:sqs" })) };

function handlerOf(complete: boolean) {
  const done: Round = { handled: 1, left: complete ? 0 : 2, nextDueSeconds: null, complete };
  const round = vi.fn(async () => done);
  const fn: BackgroundFunction = backgroundFunction({
    name: "a-function",
    summary: "Does nothing",
    open: () => ({ round, reside: async () => {}, close: async () => {} }),
  });
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_LOG_LEVEL: "CRITICAL" };
  return { handler: backgroundLambdaHandler(fn, environment), round };
}

test("a complete round forgets every message of a batch, whatever their number", async () => {
  const { handler, round } = handlerOf(true);
  expect(await handler(batch, context(60_000))).toMatchObject({ handled: 1, batchItemFailures: [] });
  expect(round).toHaveBeenCalledTimes(1);
});

test("an unfinished round gives every message of its batch back", async () => {
  const { handler } = handlerOf(false);
  const failures = [{ itemIdentifier: "a" }, { itemIdentifier: "b" }];
  expect(await handler(batch, context(60_000))).toMatchObject({ batchItemFailures: failures });
});

test("an unfinished round fails the invocation of a schedule, so that it comes again", async () => {
  const { handler } = handlerOf(false);
  await expect(handler({ source: "aws.events" }, context(60_000))).rejects.toThrow("Work is left");
});

test("a round leaves time to finish what is under way before the deadline", () => {
  const { finishMs } = budgetOf(context(20_000), 60_000);
  expect(finishMs).toBe(9_500);
  expect(budgetOf(context(60_000), 25_000).finishMs).toBe(34_000);
});

test("a round without time to speak of begins nothing", async () => {
  const { signal, finishMs } = budgetOf(context(500), 25_000);
  expect(finishMs).toBe(0);
  await vi.waitUntil(() => signal.aborted, { timeout: 15_000 });
});
