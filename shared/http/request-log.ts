import type { FastifyRequest } from "fastify";
import type { Logger } from "../logger.ts";

/** Logs a request and the status of its answer. */
export type RequestLog = (request: FastifyRequest, status: number) => void;

/**
 * Logs one line per request: at info when it changes something or is refused, at debug when it only reads, because most
 * requests are polls. The query is omitted, because it may contain anything.
 */
export function createRequestLog(log: Logger): RequestLog {
  return (request, status) => {
    const level = request.method === "GET" && status < 400 ? "debug" : "info";
    if (!log.isLevelEnabled(level)) return;
    const { id, method, raw, receivedAt } = request;
    const ms = Math.round((performance.now() - receivedAt) * 100) / 100;
    log[level]({ request: id, method, path: pathOf(raw.url ?? ""), status, ms }, "request");
  };
}

function pathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? target : target.slice(0, mark);
}
