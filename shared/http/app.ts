import { Readable } from "node:stream";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { queryOf } from "../api/query.ts";
import type { Services } from "../services.ts";
import { type Answer, problem } from "./answer.ts";
import { answerClientError, answerError } from "./error.ts";
import type { HttpFunction } from "./function.ts";
import { inputReader } from "./input.ts";
import { invalidToken, operatorCheck } from "./operator.ts";
import { requestId, requestIdHeader } from "./request-id.ts";
import { RequestLog } from "./request-log.ts";
import { securityHeaders } from "./security-headers.ts";

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
  const { config, log } = services;
  const app = Fastify({
    loggerInstance: log,
    logController: new RequestLog({ requestIdLogLabel: "request" }),
    genReqId: ({ headers }) => requestId(headers),
    bodyLimit,
    http: { maxHeaderSize, requireHostHeader: false },
    return503OnClosing: false,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) => {
      stamp(request, reply);
      sendAnswer(reply, answerError(error, request.log));
    },
    clientErrorHandler: answerClientError,
  }) as unknown as FastifyInstance;

  app.addHook("onRequest", (request, reply, done) => {
    stamp(request, reply);
    // Bodies that are not JSON are dropped, so what a client calls them cannot be wrong.
    const type = request.headers["content-type"];
    if (type !== undefined && !jsonType.test(type)) delete request.headers["content-type"];
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") done();
    else sendAnswer(reply, problem(400, "The request has no Host header"));
  });
  if (config.corsOrigins.length > 0) allowOrigins(app, config.corsOrigins);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    if (request.headers["content-type"] !== undefined) done(null, body.length > 0 ? body : undefined);
    else if (body.length > bodyLimit) done(tooLarge);
    else done(null, undefined);
  });
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.setNotFoundHandler((_request, reply) => sendAnswer(reply, problem(404, "Not Found")));
  app.setErrorHandler((error, request, reply) => sendAnswer(reply, answerError(error, request.log)));
  const isOperator = operatorCheck(config.operatorTokens);
  for (const fn of functions) mount(app, fn, services, isOperator);
  return app;
}

const tooLarge = Object.assign(new Error("Request body is too large"), { statusCode: 413 });
const jsonType = /^application\/json\s*(;|$)/i;

/** What every answer carries. */
function stamp({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.headers(securityHeaders).header(requestIdHeader, id);
}

/** Lets pages of these origins call the API and read what scripts may need of an answer. */
function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "POST", "DELETE"],
    allowedHeaders: ["content-type", "x-operator-token", "idempotency-key", requestIdHeader, "traceparent"],
    exposedHeaders: [requestIdHeader, "retry-after"],
    maxAge: 600,
  });
}

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
        return sendAnswer(reply, invalidToken);
      }
      const query = queryOf(request.raw.url ?? "");
      const parsed = readInput(request.params as Record<string, string>, query);
      if (!parsed.ok) return sendAnswer(reply, parsed.answer);
      const body = endpoint.readsBody ? (request.body as Buffer | undefined) : undefined;
      const answer = await handle({ input: parsed.input as never, query, body, headers: request.headers }, services);
      return sendAnswer(reply, answer);
    },
  });
}

/** Sends an answer as it is. */
export function sendAnswer(reply: FastifyReply, { status, body, headers }: Answer): FastifyReply {
  if (headers) reply.headers(headers);
  return reply
    .code(status)
    .header("content-type", "application/json; charset=utf-8")
    .send(typeof body === "string" ? body : Readable.from(body, { highWaterMark: 1 }));
}
