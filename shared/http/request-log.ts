import type { FastifyRequest } from "fastify";
import type { Logger } from "../logger.ts";
import { requestFields } from "./request-fields.ts";

/** Logs a request and the status of its answer. @param taskId the task that the answer names */
export type RequestLog = (request: FastifyRequest, status: number, taskId?: string) => void;

/**
 * Logs one line per request: at info when it changes something or is refused, at debug when it only reads, because most
 * requests are polls. The query is omitted, because it may contain anything.
 */
export function createRequestLog(log: Logger): RequestLog {
  return (request, status, taskId) => {
    const level = request.method === "GET" && status < 400 ? "debug" : "info";
    if (!log.isLevelEnabled(level)) return;
    const { method, raw, receivedAt } = request;
    const ms = Math.round((performance.now() - receivedAt) * 100) / 100;
    log[level]({ ...requestFields(request, taskId), method, path: pathOf(raw.url ?? ""), status, ms }, "request");
  };
}

function pathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? target : target.slice(0, mark);
}
