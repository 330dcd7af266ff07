import { Readable } from "node:stream";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Services } from "../services.ts";
import { type Answer, problem } from "./answer.ts";
import { answerClientError, answerError } from "./error.ts";
import { requestId, requestIdHeader } from "./request-id.ts";
import { RequestLog } from "./request-log.ts";
import { securityHeaders } from "./security-headers.ts";

/** Room for a query with the largest parameters, percent-encoded, and for ordinary headers. In bytes. */
const maxHeaderSize = 256 * 1024;
/** The longest body, where a route does not say otherwise. In bytes. */
export const bodyLimit = 64 * 1024;
/** An id of 256 bytes, percent-encoded, with room to tell longer ones what is wrong. In characters. */
const maxParamLength = 8 * 1024;

/** What every server of ours has in common: limits, headers, logs and errors, but no route. */
export function createServer({ config, log }: Services): FastifyInstance {
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
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") done();
    else sendAnswer(reply, problem(400, "The request has no Host header"));
  });
  if (config.corsOrigins.length > 0) allowOrigins(app, config.corsOrigins);
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.setNotFoundHandler((_request, reply) => sendAnswer(reply, problem(404, "Not Found")));
  app.setErrorHandler((error, request, reply) => sendAnswer(reply, answerError(error, request.log)));
  return app;
}

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

/** Sends an answer as it is. */
export function sendAnswer(reply: FastifyReply, { status, body, headers }: Answer): FastifyReply {
  if (headers) reply.headers(headers);
  return reply
    .code(status)
    .header("content-type", "application/json; charset=utf-8")
    .send(typeof body === "string" ? body : Readable.from(body, { highWaterMark: 1 }));
}
