import type { Socket } from "node:net";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { TaskStateError } from "../../task-state/index.ts";
import type { Services } from "../services.ts";
import { problem, unreadableHeader } from "./answer.ts";
import { answerClientError, createErrorAnswer } from "./error.ts";
import { bodyLimit, defaultLimits, type Limits } from "./limits/limits.ts";
import { createPipelineLimiter } from "./limits/pipelining.ts";
import { closeStalledReaders } from "./limits/stalled-readers.ts";
import { requestFields } from "./request-fields.ts";
import { requestId, requestIdHeader } from "./request-id.ts";
import { securityHeaders } from "./security-headers.ts";
import { createSender, type Send } from "./send.ts";
import type { Effect } from "./unavailable.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** In ms of `performance.now()`. */
    receivedAt: number;
  }
  interface FastifyContextConfig {
    /** What a request to this route may change. @default none, or nothing that its client asked for */
    effect?: Effect;
  }
  interface FastifyInstance {
    /** Sends an answer of this server. */
    sendAnswer: Send;
  }
}

/** Fits a query with the largest parameters, percent-encoded, and ordinary headers. In bytes. */
const maxHeaderSize = 256 * 1024;
/** Fits an id of 256 bytes, percent-encoded, and longer ones that get a proper error. In characters. */
const maxParamLength = 8 * 1024;

/** The answer to a request of HTTP/1.1 without a Host header. */
export const missingHost = problem(400, "The request has no Host header");

/** The common base of every server: limits, headers, logs and errors, without routes. */
export function createServer({ config, log }: Services, limits: Limits = defaultLimits): FastifyInstance {
  const send = createSender(log, limits.longAnswers);
  const answerError = createErrorAnswer(log);
  const limitPipeline = createPipelineLimiter(limits.pipelined);
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const taskId = error instanceof TaskStateError ? error.taskId : undefined;
    const { effect = "none" } = request.routeOptions.config;
    const answer = answerError(error, { fields: requestFields(request, taskId), effect });
    send(reply, taskId === undefined ? answer : { ...answer, taskId });
  };
  const app = Fastify({
    // Requests are logged with their answers: Fastify would create a child logger for each request.
    logger: false,
    genReqId: ({ headers }) => requestId(headers),
    bodyLimit,
    http: {
      maxHeaderSize,
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      connectionsCheckingInterval: limits.requestMs / 6,
      // Node.js applies the larger of both timeouts to the whole request, and its default for the head is a minute.
      headersTimeout: limits.requestMs,
    },
    // A gateway routes by method, and has no route for HEAD.
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
    // The stream of an empty request has ended before it is read, and Fastify would wait for its end.
    const { headers } = request.raw;
    if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined)
      delete headers["content-type"];
    if (request.headers.host !== undefined || request.raw.httpVersion !== "1.1") limitPipeline(request, reply, done);
    else send(reply, missingHost);
  });
  if (config.corsOrigins.length > 0) allowOrigins(app, config.corsOrigins);
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.server.on("connect", (_request, socket) => answerClientError(new Error("not a proxy"), socket as Socket));
  app.setNotFoundHandler((_request, reply) => send(reply, problem(404, "Not Found")));
  app.setErrorHandler(fail);
  return app;
}

/** Adds the headers of every answer. */
function stamp(request: FastifyRequest, reply: FastifyReply): void {
  request.receivedAt = performance.now();
  reply.headers(securityHeaders).header(requestIdHeader, request.id);
}

/** Lets pages of these origins call the API and read the headers that scripts need. */
function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "POST", "DELETE"],
    allowedHeaders: ["content-type", "x-operator-token", "idempotency-key", requestIdHeader, "traceparent"],
    exposedHeaders: [requestIdHeader, "retry-after", unreadableHeader],
    maxAge: 600,
  });
}
