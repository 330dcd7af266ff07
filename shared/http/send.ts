import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Logger } from "../logger.ts";
import type { Answer, LongText } from "./answer.ts";
import { createRequestLog } from "./request-log.ts";

/** Sends an answer as it is, and logs the request. */
export type Send = (reply: FastifyReply, answer: Answer) => void;

/** A longer text is written in slices of this many bytes, each when the client has taken most of the one before. */
const sliceBytes = 16 * 1024;
/** The longest text that is written at once. In characters. */
const writtenAtOnce = 64 * 1024;

/** Makes the sender of a server's answers. */
export function createSender(log: Logger): Send {
  const logRequest = createRequestLog(log);
  return (reply, { status, body, headers }) => {
    if (headers) reply.headers(headers);
    reply.code(status).header("content-type", "application/json; charset=utf-8");
    if (typeof body !== "string") reply.send(stream(body, reply.request.id, log));
    else if (body.length <= writtenAtOnce) reply.send(body);
    else {
      reply.header("content-length", Buffer.byteLength(body));
      reply.send(stream({ first: body, next: async () => undefined }, reply.request.id, log));
    }
    logRequest(reply.request, status);
  };
}

/** A text in slices. When a part of it cannot be read, the connection is cut: the status has long been sent. */
function stream({ first, next }: LongText, request: string, log: Logger): Readable {
  let part = Buffer.from(first);
  const slice = async (to: Readable) => {
    while (part.length === 0) {
      const text = await next();
      if (text === undefined) return to.push(null);
      part = Buffer.from(text);
    }
    const taken = part.subarray(0, sliceBytes);
    part = part.subarray(sliceBytes);
    return to.push(taken);
  };
  return new Readable({
    // Nothing is read ahead: the next part is asked for when the connection has room.
    highWaterMark: 0,
    read() {
      slice(this).catch((error: Error) => this.destroy(error));
    },
  }).once("error", (error: Error) => {
    log.warn({ request, cause: error.message }, "an answer was cut off");
  });
}
