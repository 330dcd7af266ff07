import type { FastifyInstance } from "fastify";
import { queryOf } from "../api/query.ts";
import type { Services } from "../services.ts";
import type { HttpFunction } from "./function.ts";
import { inputReader } from "./input.ts";
import { createBodyReader } from "./limits/body.ts";
import { bodyLimitOf, defaultLimits, type Limits } from "./limits/limits.ts";
import { invalidToken } from "./operator.ts";
import { createServer } from "./server.ts";
import { createTokenCheck, type TokenCheck } from "./token-check.ts";
import { effectOf } from "./unavailable.ts";

/** The application that serves these functions. It does not listen: a process, a Lambda adapter or a test does. */
export function buildApp(
  functions: readonly HttpFunction[],
  services: Services,
  limits: Limits = defaultLimits,
): FastifyInstance {
  const app = createServer(services, limits);
  const readBody = createBodyReader(limits.bodyBytes);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", readBody);
  app.addHook("onRequest", (request, _reply, done) => {
    // Bodies that are not JSON are dropped, so any content type is valid.
    const type = request.headers["content-type"];
    if (type !== undefined && !jsonType.test(type)) delete request.headers["content-type"];
    done();
  });
  mountFunctions(app, functions, services);
  return app;
}

const jsonType = /^application\/json\s*(;|$)/i;

/** Adds the routes of these functions. */
export function mountFunctions(app: FastifyInstance, functions: readonly HttpFunction[], services: Services): void {
  const isOperator = createTokenCheck(services.config.operatorTokens);
  for (const fn of functions) mount(app, fn, services, isOperator);
}

function mount(
  app: FastifyInstance,
  { endpoint, handle }: HttpFunction,
  services: Services,
  isOperator: TokenCheck,
): void {
  const send = app.sendAnswer;
  const readInput = inputReader(endpoint);
  const prefix = endpoint.atRoot ? "" : services.config.apiPrefix;
  app.route({
    method: endpoint.method,
    config: { effect: effectOf(endpoint) },
    bodyLimit: bodyLimitOf(endpoint),
    url: prefix + endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    handler(request, reply) {
      if (endpoint.auth === "operator" && !isOperator(request.headers["x-operator-token"])) {
        return send(reply, invalidToken);
      }
      const query = queryOf(request.raw.url ?? "");
      const parsed = readInput(request.params as Record<string, string>, query);
      if (!parsed.ok) return send(reply, parsed.answer);
      const body = endpoint.readsBody ? (request.body as Buffer | undefined) : undefined;
      const { headers, id: requestId } = request;
      const answer = handle({ input: parsed.input as never, query, body, headers, requestId }, services);
      if (!(answer instanceof Promise)) return send(reply, answer);
      answer.then(
        (given) => send(reply, given),
        (error) => reply.send(error),
      );
    },
  });
}
