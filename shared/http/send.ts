import type { FastifyReply } from "fastify";
import type { Logger } from "../logger.ts";
import { type Answer, askAgain, type LongText, problem } from "./answer.ts";
import { createLongAnswers } from "./limits/long-answers.ts";
import { createRequestLog } from "./request-log.ts";

/** Sends an answer as it is, and logs the request. */
export type Send = (reply: FastifyReply, answer: Answer) => void;

/** The longest text that is written at once. In characters. */
const writtenAtOnce = 64 * 1024;
const tooManyReaders = askAgain(problem(503, "Too many long answers are being read; try again"));

/** Makes the sender of a server. @param longAnswers how many answers may be under way that are not written at once */
export function createSender(log: Logger, longAnswers: number): Send {
  const logRequest = createRequestLog(log);
  const long = createLongAnswers(longAnswers);

  const send: Send = (reply, { status, body, headers, trailers = {} }) => {
    if (typeof body === "string" && body.length <= writtenAtOnce) {
      if (headers) reply.headers(headers);
      reply.code(status).header("content-type", "application/json; charset=utf-8").send(body);
      logRequest(reply.request, status);
      return;
    }
    const stream = long.open(typeof body === "string" ? wholeText(body) : body);
    if (!stream) return send(reply, tooManyReaders);
    const request = reply.request.id;
    stream.once("error", ({ message }: Error) => log.warn({ request, cause: message }, "an answer was cut off"));
    if (headers) reply.headers(headers);
    if (typeof body === "string") reply.header("content-length", Buffer.byteLength(body));
    else if (wantsTrailers(reply.request.headers.te)) {
      for (const [name, value] of Object.entries(trailers)) reply.trailer(name, async () => value());
    }
    reply.code(status).header("content-type", "application/json; charset=utf-8").send(stream);
    logRequest(reply.request, status);
  };
  return send;
}

function wholeText(first: string): LongText {
  return { first, next: async () => undefined };
}

/** Others may be behind a proxy, or speak an HTTP, that knows no trailers. */
function wantsTrailers(te: string | string[] | undefined): boolean {
  return /(^|,)\s*trailers\s*(,|$)/i.test(String(te ?? ""));
}
