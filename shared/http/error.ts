import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import type { FastifyError } from "fastify";
import { TaskStateError, unavailabilityOf } from "../../task-state/index.ts";
import type { Logger } from "../logger.ts";
import { type Answer, problem, withRetryAfter } from "./answer.ts";
import type { RequestFields } from "./request-fields.ts";
import { requestIdHeader } from "./request-id.ts";
import { createUnavailableLog, type Effect, unavailableDetails } from "./unavailable.ts";

/** The failed request: how the log names it, and what it may have changed. */
export interface FailedRequest {
  readonly fields: RequestFields;
  readonly effect: Effect;
}

/** Creates the answers of a server to failed requests; they contain only what the client can act on. */
export function createErrorAnswer(log: Logger): (error: unknown, failed: FailedRequest) => Answer {
  const logUnavailable = createUnavailableLog(log);
  return (error, { fields, effect }) => {
    const kind = unavailabilityOf(error);
    if (kind !== undefined) {
      logUnavailable({ kind, cause: (error as Error).message, fields });
      return unavailable(unavailableDetails[effect][kind]);
    }
    if (error instanceof TaskStateError && error.code === "unreadable") return problem(409, error.message);
    if (error instanceof TaskStateError && !error.code.startsWith("invalid_")) return unavailable(error.message);
    const status = (error as Partial<FastifyError>).statusCode ?? 500;
    if ((error as Partial<FastifyError>).code === "FST_ERR_BAD_URL")
      return problem(400, "The path must be UTF-8 text, percent-encoded");
    if (error instanceof Error && status >= 400 && status < 500) return problem(status, error.message);
    if (error instanceof Error && status === 503) return unavailable(error.message);
    log.error({ ...fields, err: error }, "request failed");
    return problem(500, "Internal server error");
  };
}

function unavailable(detail: string): Answer {
  return withRetryAfter(problem(503, detail));
}

const malformed: Readonly<Record<string, [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [414, "The request's path, query and headers are too long"],
  HPE_INVALID_URL: [400, "The request's path and query must be percent-encoded"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time"],
};

/** Answers bytes that are not an HTTP request, before any route sees them, and closes the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return;
  const [status, detail] = malformed[error.code ?? ""] ?? [400, "The request is not valid HTTP"];
  const { body } = problem(status, detail);
  const text = String(body);
  socket.end(
    `HTTP/1.1 ${status} ${JSON.parse(text).title}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `${requestIdHeader}: ${randomUUID()}\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}
