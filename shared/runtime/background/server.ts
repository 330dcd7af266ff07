import type { FastifyInstance } from "fastify";
import type { Config, Environment } from "../../config.ts";
import { type Answer, askAgain, json, problem } from "../../http/answer.ts";
import { mountFunctions } from "../../http/app.ts";
import type { HttpFunction } from "../../http/function.ts";
import { createServer } from "../../http/server.ts";
import type { Logger } from "../../logger.ts";
import { createServices } from "../../services.ts";
import { closeApp } from "../close-app.ts";
import { runProcess, type Service } from "../process.ts";
import { reportMissingRights } from "../rights.ts";
import { addLiveness, type FunctionServer } from "../server.ts";
import { type BackgroundFunction, type Budget, longestRound } from "./background.ts";
import { cloudEventFault } from "./cloud-event.ts";
import { createRounds, type Rounds } from "./repeat.ts";
import { reportOf } from "./report.ts";

/** The argument that makes a background function work without triggers, as a Deployment does. */
const residentArgument = "resident";

/** Serves a background function in a process of its own: a round for every POST; or, as `resident`, rounds for ever. */
export function runBackgroundServer(
  fn: BackgroundFunction,
  beside: readonly HttpFunction[],
  environment: Environment,
): Promise<void> {
  const resident = process.argv.includes(residentArgument);
  return runProcess(environment, (config, log) => startBackgroundServer(fn, beside, config, log, resident));
}

/** What of the grace a round may use to finish; the rest is for writing down what it has cut off, and for its answer. */
const roundShare = 0.9;

/** The process of {@link runBackgroundServer} without its signals. */
export async function startBackgroundServer(
  fn: BackgroundFunction,
  beside: readonly HttpFunction[],
  config: Config,
  log: Logger,
  resident: boolean,
): Promise<Service & FunctionServer> {
  const services = createServices(config, log);
  reportMissingRights(services, fn.roles ?? []);
  const background = fn.open(services);
  const stopping = new AbortController();
  const app = createServer(services);
  mountFunctions(app, beside, services);
  addLiveness(app);
  const rounds = createRounds((budget) => background.round(budget));
  const budget = (): Budget => ({
    signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(longestRound(fn, config))]),
    finishMs: config.shutdownGraceSeconds * 1000 * roundShare,
  });
  if (!resident) addTrigger(app, rounds, budget);
  await Promise.all([app.ready(), services.redis.untilReady()]);
  const residence = resident ? background.reside(stopping.signal) : undefined;
  const address = await app.listen({ host: config.host, port: config.functionPort });
  log.info({ address }, "listening");
  return {
    address,
    async stop() {
      stopping.abort();
      await Promise.all([closeApp(app, config.shutdownGraceSeconds), residence, rounds.untilIdle()]);
      await background.close();
      services.redis.close();
    },
  };
}

function addTrigger(app: FastifyInstance, rounds: Rounds, budget: () => Budget): void {
  const send = app.sendAnswer;
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    scope.post("/", async ({ headers, body }, reply) => {
      const fault = cloudEventFault(headers, typeof body === "string" ? body : "");
      if (fault !== undefined) return send(reply, problem(400, `Not a valid CloudEvent: ${fault}`));
      send(reply, await answerOfRound(rounds, budget));
    });
  });
}

async function answerOfRound(rounds: Rounds, budget: () => Budget): Promise<Answer> {
  const round = await rounds.request(budget);
  if (round.complete) return json(200, reportOf(round));
  return askAgain(problem(503, "Work is left; ring again", reportOf(round)));
}
