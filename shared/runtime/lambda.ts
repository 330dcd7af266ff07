import awsLambdaFastify from "@fastify/aws-lambda";
import { type Environment, loadConfig } from "../config.ts";
import { buildApp } from "../http/app.ts";
import type { HttpFunction } from "../http/function.ts";
import { createServices } from "../services.ts";
import { checkExposure } from "./exposure.ts";
import { type HttpApiEvent, targetOf } from "./http-api-event.ts";
import { createLambdaLogger, type Invocation } from "./lambda-logger.ts";
import { reportMissingRights, rolesOf } from "./rights.ts";
import { adoptTimeZone } from "./time-zone.ts";

/** Creates the Lambda handler of an HTTP function for HTTP API events (payload 2.0); all invocations share its connections. */
export function lambdaHandler(fn: HttpFunction, environment: Environment) {
  const config = loadConfig(environment);
  checkExposure(config, [fn]);
  const { log, begin } = createLambdaLogger(config);
  const services = createServices(config, log, adoptTimeZone(config.timeZone));
  reportMissingRights(services, rolesOf([fn]));
  const app = buildApp([fn], services);
  // The path carries the query as it was sent: API Gateway's own parsing joins duplicates with commas.
  const proxy = awsLambdaFastify(app, { decorateRequest: false, parseCommaSeparatedQueryParams: false });
  const ready = app.ready();
  return async (event: HttpApiEvent, context: Invocation) => {
    begin(context);
    await Promise.all([ready, services.redis.untilReady()]);
    const { queryStringParameters: _, ...request } = event;
    return proxy({ ...request, path: targetOf(event) }, context);
  };
}
