import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Logger } from "../logger.ts";
import type { Answer } from "./answer.ts";
import { createRequestLog } from "./request-log.ts";

/** Sends an answer as it is, and logs the request. */
export type Send = (reply: FastifyReply, answer: Answer) => void;

/** Makes the sender of a server's answers. */
export function createSender(log: Logger): Send {
  const logRequest = createRequestLog(log);
  return (reply, { status, body, headers, trailers = {} }) => {
    if (headers) reply.headers(headers);
    if (wantsTrailers(reply.request.headers.te)) {
      for (const [name, value] of Object.entries(trailers)) reply.trailer(name, async () => value());
    }
    reply.code(status).header("content-type", "application/json; charset=utf-8");
    reply.send(typeof body === "string" ? body : stream(body, reply.request.id, log));
    logRequest(reply.request, status);
  };
}

/** Others may be behind a proxy, or speak an HTTP, that knows no trailers. */
function wantsTrailers(te: string | string[] | undefined): boolean {
  return /(^|,)\s*trailers\s*(,|$)/i.test(String(te ?? ""));
}

/** A body in pieces. When one of them cannot be had, the connection is cut: the status has long been sent. */
function stream(pieces: AsyncIterable<string>, request: string, log: Logger): Readable {
  return Readable.from(pieces, { highWaterMark: 1 }).once("error", (error: Error) => {
    log.warn({ request, cause: error.message }, "an answer was cut off");
  });
}
