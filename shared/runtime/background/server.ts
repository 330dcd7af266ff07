import type { FastifyInstance } from "fastify";
import type { Config, Environment } from "../../config.ts";
import { type Answer, json, problem, withRetryAfter } from "../../http/answer.ts";
import { mountFunctions } from "../../http/app.ts";
import type { HttpFunction } from "../../http/function.ts";
import { createServer } from "../../http/server.ts";
import { createTokenCheck } from "../../http/token-check.ts";
import type { Logger } from "../../logger.ts";
import { createServices } from "../../services.ts";
import { wakeUpHeader } from "../../wake-up.ts";
import { closeApp } from "../close-app.ts";
import { addLiveness } from "../liveness.ts";
import { runProcess, type Service } from "../process.ts";
import { addReadiness } from "../readiness.ts";
import { reportMissingRights } from "../rights.ts";
import type { FunctionServer } from "../server.ts";
import { adoptTimeZone } from "../time-zone.ts";
import { type BackgroundFunction, type Budget, maxRunMs } from "./background.ts";
import { cloudEventFault } from "./cloud-event.ts";
import { createRunQueue, type RunQueue } from "./repeat.ts";
import { reportOf } from "./report.ts";

/** The argument that makes a background function work continuously, without triggers, as a Deployment does. */
const residentArgument = "resident";

/** Serves a background function in its own process: one run per POST, or continuous work as `resident`. */
export function runBackgroundServer(
  fn: BackgroundFunction,
  beside: readonly HttpFunction[],
  environment: Environment,
): Promise<void> {
  const resident = process.argv.includes(residentArgument);
  return runProcess(environment, (config, log) => startBackgroundServer(fn, beside, config, log, resident));
}

/** Share of the grace period for finishing a run; the rest is for storing interrupted work and for the answer. */
const finishShare = 0.9;

/** The process of {@link runBackgroundServer} without its signals. */
export async function startBackgroundServer(
  fn: BackgroundFunction,
  beside: readonly HttpFunction[],
  config: Config,
  log: Logger,
  resident: boolean,
): Promise<Service & FunctionServer> {
  const services = createServices(config, log, adoptTimeZone(config.timeZone));
  const roles = fn.roles ?? [];
  reportMissingRights(services, roles);
  const background = fn.open(services);
  const stopping = new AbortController();
  const app = createServer(services);
  mountFunctions(app, beside, services);
  addLiveness(app);
  addReadiness(app, services, roles);
  const runs = createRunQueue((budget) => background.run(budget));
  const budget = (): Budget => ({
    signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(maxRunMs(fn, config))]),
    finishMs: config.shutdownGraceSeconds * 1000 * finishShare,
  });
  if (!resident) addTrigger(app, runs, budget, config.wakeUpTokens);
  await Promise.all([app.ready(), services.redis.untilReady()]);
  const residence = resident ? background.runResident(stopping.signal) : undefined;
  const address = await app.listen({ host: config.host, port: config.functionPort });
  log.info({ address }, "listening");
  return {
    address,
    async stop() {
      stopping.abort();
      await Promise.all([closeApp(app, config.shutdownGraceSeconds), residence, runs.untilIdle()]);
      await background.close();
      services.redis.close();
    },
  };
}

const invalidWakeUpToken = problem(401, "Invalid wake-up token");

function addTrigger(app: FastifyInstance, runs: RunQueue, budget: () => Budget, tokens: readonly string[]): void {
  const send = app.sendAnswer;
  const isTrigger = createTokenCheck(tokens);
  app.register(async (scope) => {
    scope.addHook("onRequest", (request, reply, done) => {
      if (tokens.length === 0 || isTrigger(request.headers[wakeUpHeader])) done();
      else send(reply, invalidWakeUpToken);
    });
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    scope.post("/", async ({ headers, body }, reply) => {
      const fault = cloudEventFault(headers, typeof body === "string" ? body : "");
      if (fault !== undefined) return send(reply, problem(400, `Not a valid CloudEvent: ${fault}`));
      send(reply, await runForTrigger(runs, budget));
    });
  });
}

async function runForTrigger(runs: RunQueue, budget: () => Budget): Promise<Answer> {
  const result = await runs.request(budget);
  if (result.complete) return json(200, reportOf(result));
  return withRetryAfter(problem(503, "Work remains; trigger again", reportOf(result)));
}
