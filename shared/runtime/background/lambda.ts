import { type Environment, loadConfig } from "../../config.ts";
import { createServices } from "../../services.ts";
import { createLambdaLogger, type Invocation } from "../lambda-logger.ts";
import { reportMissingRights } from "../rights.ts";
import { adoptTimeZone } from "../time-zone.ts";
import { type BackgroundFunction, type Budget, maxRunMs } from "./background.ts";
import { createRunQueue } from "./repeat.ts";
import { reportOf } from "./report.ts";

/** The used part of an invocation's context. */
interface LambdaContext extends Invocation {
  getRemainingTimeInMillis(): number;
}

interface Batch {
  readonly Records: readonly { readonly eventSource?: string; readonly messageId: string }[];
}

/** Time that an invocation reserves for its answer, in ms. */
const answerTime = 1000;

/**
 * Creates the Lambda handler of a background function: one run per invocation, within its deadline. An unfinished run
 * fails the messages of an SQS batch, or the whole invocation of any other event, so that they are retried.
 */
export function backgroundLambdaHandler(fn: BackgroundFunction, environment: Environment) {
  const config = loadConfig(environment);
  const { log, begin } = createLambdaLogger(config);
  const services = createServices(config, log, adoptTimeZone(config.timeZone));
  reportMissingRights(services, fn.roles ?? []);
  const background = fn.open(services);
  const maxMs = maxRunMs(fn, config);
  const { request } = createRunQueue((budget) => background.run(budget));
  return async (event: unknown, context: LambdaContext) => {
    begin(context);
    await services.redis.untilReady();
    const result = await request(() => budgetOf(context, maxMs));
    const report = reportOf(result);
    if (isBatch(event)) {
      const failed = result.complete ? [] : event.Records;
      return { ...report, batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
    if (!result.complete) throw new Error(`work remains: ${JSON.stringify(report)}`);
    return report;
  };
}

/** Divides the remaining time of an invocation: at least half of it is reserved to finish work in flight. */
export function budgetOf(context: LambdaContext, maxMs: number): Budget {
  const left = Math.max(0, context.getRemainingTimeInMillis() - answerTime);
  const work = Math.floor(Math.min(maxMs, left / 2));
  return { signal: AbortSignal.timeout(work), finishMs: Math.max(0, left - work) };
}

function isBatch(event: unknown): event is Batch {
  return typeof event === "object" && event !== null && "Records" in event && Array.isArray(event.Records);
}
