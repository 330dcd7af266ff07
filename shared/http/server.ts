import type { Socket } from "node:net";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Services } from "../services.ts";
import { problem, unreadableHeader } from "./answer.ts";
import { answerClientError, answerError } from "./error.ts";
import { bodyLimit, defaultLimits, type Limits } from "./limits/limits.ts";
import { createTurnstile } from "./limits/pipelining.ts";
import { closeStalledReaders } from "./limits/stalled-readers.ts";
import { requestId, requestIdHeader } from "./request-id.ts";
import { securityHeaders } from "./security-headers.ts";
import { createSender, type Send } from "./send.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** By `performance.now()`. */
    receivedAt: number;
  }
  interface FastifyInstance {
    /** How this server sends its answers. */
    sendAnswer: Send;
  }
}

/** Room for a query with the largest parameters, percent-encoded, and for ordinary headers. In bytes. */
const maxHeaderSize = 256 * 1024;
/** An id of 256 bytes, percent-encoded, with room to tell longer ones what is wrong. In characters. */
const maxParamLength = 8 * 1024;

/** What every server of ours has in common: limits, headers, logs and errors, but no route. */
export function createServer({ config, log }: Services, limits: Limits = defaultLimits): FastifyInstance {
  const send = createSender(log, limits.longAnswers);
  const turnstile = createTurnstile(limits.pipelined);
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    send(reply, answerError(error, log.child({ request: request.id })));
  const app = Fastify({
    // Requests are logged with their answers: a logger of Fastify's own would be made anew for each of them.
    logger: false,
    genReqId: ({ headers }) => requestId(headers),
    bodyLimit,
    http: {
      maxHeaderSize,
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      connectionsCheckingInterval: limits.requestMs / 6,
      // Node.js takes the larger one of both times for the whole request, and its own for the head is a minute.
      headersTimeout: limits.requestMs,
    },
    // A gateway routes by method, and knows no HEAD.
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestTimeout: limits.requestMs,
    routerOptions: { maxParamLength, querystringParser: () => ({}) },
    frameworkErrors: (error, request, reply) => {
      stamp(request, reply);
      fail(error, request, reply);
    },
    clientErrorHandler: answerClientError,
  }) as unknown as FastifyInstance;

  closeStalledReaders(app.server, limits.stalledMs, log);
  app.decorate("sendAnswer", send);
  app.decorateRequest("receivedAt", 0);
  app.addHook("onRequest", (request, reply, done) => {
    stamp(request, reply);
    // The stream of an empty request is over before anybody reads it, and Fastify would wait for its end.
    const { headers } = request.raw;
    if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined)
      delete headers["content-type"];
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") turnstile(request, reply, done);
    else send(reply, problem(400, "The request has no Host header"));
  });
  if (config.corsOrigins.length > 0) allowOrigins(app, config.corsOrigins);
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.server.on("connect", (_request, socket) => answerClientError(new Error("not a proxy"), socket as Socket));
  app.setNotFoundHandler((_request, reply) => send(reply, problem(404, "Not Found")));
  app.setErrorHandler(fail);
  return app;
}

/** What every answer carries. */
function stamp(request: FastifyRequest, reply: FastifyReply): void {
  request.receivedAt = performance.now();
  reply.headers(securityHeaders).header(requestIdHeader, request.id);
}

/** Lets pages of these origins call the API and read what scripts may need of an answer. */
function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "POST", "DELETE"],
    allowedHeaders: ["content-type", "x-operator-token", "idempotency-key", requestIdHeader, "traceparent"],
    exposedHeaders: [requestIdHeader, "retry-after", unreadableHeader],
    maxAge: 600,
  });
}
