import { type Environment, loadConfig } from "../../config.ts";
import { createServices } from "../../services.ts";
import { createLambdaLogger } from "../lambda-logger.ts";
import { reportMissingRights } from "../rights.ts";
import { type BackgroundFunction, type Budget, longestRound } from "./background.ts";
import { createRounds } from "./repeat.ts";
import { reportOf } from "./report.ts";

/** What is used of an invocation's context. */
interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

interface Batch {
  readonly Records: readonly { readonly eventSource?: string; readonly messageId: string }[];
}

/** Time that an invocation keeps for its own answer, in ms. */
const answerTime = 1000;

/**
 * Makes the Lambda handler of a background function: a round for every invocation, in time for its deadline. An
 * unfinished round fails the messages of an SQS batch, and any other invocation as a whole, so that they come again.
 */
export function backgroundLambdaHandler(fn: BackgroundFunction, environment: Environment) {
  const config = loadConfig(environment);
  const services = createServices(config, createLambdaLogger(config));
  reportMissingRights(services, fn.roles ?? []);
  const background = fn.open(services);
  const longest = longestRound(fn, config);
  const { request } = createRounds((budget) => background.round(budget));
  return async (event: unknown, context: LambdaContext) => {
    await services.redis.untilReady();
    const round = await request(() => budgetOf(context, longest));
    const report = reportOf(round);
    if (isBatch(event)) {
      const failed = round.complete ? [] : event.Records;
      return { ...report, batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
    if (!round.complete) throw new Error(`Work is left: ${JSON.stringify(report)}`);
    return report;
  };
}

/** Keeps half of what an invocation has left, at most, to finish what is under way. */
export function budgetOf(context: LambdaContext, longest: number): Budget {
  const left = Math.max(0, context.getRemainingTimeInMillis() - answerTime);
  const work = Math.floor(Math.min(longest, left / 2));
  return { signal: AbortSignal.timeout(work), finishMs: Math.max(0, left - work) };
}

function isBatch(event: unknown): event is Batch {
  return typeof event === "object" && event !== null && "Records" in event && Array.isArray(event.Records);
}
