import { Readable } from "node:stream";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { queryOf } from "../api/query.ts";
import type { Services } from "../services.ts";
import { type Answer, problem } from "./answer.ts";
import { answerClientError, answerError } from "./error.ts";
import type { HttpFunction } from "./function.ts";
import { inputReader } from "./input.ts";
import { invalidToken, operatorCheck } from "./operator.ts";
import { RequestLog } from "./request-log.ts";

/** Room for a query with the largest parameters, percent-encoded, and for ordinary headers. In bytes. */
const maxHeaderSize = 256 * 1024;
/** Bodies that nobody wants are read and dropped: older clients send empty ones of any type. In bytes. */
const bodyLimit = 64 * 1024;
/** Room for the largest parameters, each of their bytes escaped. In bytes. */
const wantedBodyLimit = 512 * 1024;
/** An id of 256 bytes, percent-encoded, with room to tell longer ones what is wrong. In characters. */
const maxParamLength = 8 * 1024;

/** The application over some functions. It does not listen: a process, a Lambda adapter or a test does. */
export function buildApp(functions: readonly HttpFunction[], services: Services): FastifyInstance {
  const { log } = services;
  const app = Fastify({
    loggerInstance: log,
    logController: new RequestLog(),
    bodyLimit,
    http: { maxHeaderSize, requireHostHeader: false },
    return503OnClosing: false,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) => void send(reply, answerError(error, request.log)),
    clientErrorHandler: answerClientError,
  }) as unknown as FastifyInstance;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    if (request.headers["content-type"] !== undefined) done(null, body.length > 0 ? body : undefined);
    else if (body.length > bodyLimit) done(tooLarge);
    else done(null, undefined);
  });
  app.addHook("onRequest", (request, reply, done) => {
    // Bodies that are not JSON are dropped, so what a client calls them cannot be wrong.
    const type = request.headers["content-type"];
    if (type !== undefined && !jsonType.test(type)) delete request.headers["content-type"];
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") done();
    else send(reply, problem(400, "The request has no Host header"));
  });
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.setNotFoundHandler((_request, reply) => send(reply, problem(404, "Not Found")));
  app.setErrorHandler((error, request, reply) => send(reply, answerError(error, request.log)));
  const isOperator = operatorCheck(services.config.operatorTokens);
  for (const fn of functions) mount(app, fn, services, isOperator);
  return app;
}

const tooLarge = Object.assign(new Error("Request body is too large"), { statusCode: 413 });
const jsonType = /^application\/json\s*(;|$)/i;

function mount(
  app: FastifyInstance,
  { endpoint, handle }: HttpFunction,
  services: Services,
  isOperator: (token: string | string[] | undefined) => boolean,
): void {
  const readInput = inputReader(endpoint);
  const prefix = endpoint.atRoot ? "" : services.config.apiPrefix;
  app.route({
    method: endpoint.method,
    bodyLimit: endpoint.readsBody ? wantedBodyLimit : bodyLimit,
    url: prefix + endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    handler: async (request, reply) => {
      if (endpoint.auth === "operator" && !isOperator(request.headers["x-operator-token"])) {
        return send(reply, invalidToken);
      }
      const query = queryOf(request.raw.url ?? "");
      const parsed = readInput(request.params as Record<string, string>, query);
      if (!parsed.ok) return send(reply, parsed.answer);
      const body = endpoint.readsBody ? (request.body as Buffer | undefined) : undefined;
      const answer = await handle({ input: parsed.input as never, query, body, headers: request.headers }, services);
      return send(reply, answer);
    },
  });
}

function send(reply: FastifyReply, { status, body, headers }: Answer): FastifyReply {
  if (headers) reply.headers(headers);
  return reply
    .code(status)
    .header("content-type", "application/json; charset=utf-8")
    .send(typeof body === "string" ? body : Readable.from(body, { highWaterMark: 1 }));
}
