import type { FastifyReply } from "fastify";
import type { Logger } from "../logger.ts";
import { type Answer, type LongText, problem, withRetryAfter } from "./answer.ts";
import { createLongAnswers } from "./limits/long-answers.ts";
import { requestFields } from "./request-fields.ts";
import { createRequestLog } from "./request-log.ts";

/** Sends an answer and logs the request. */
export type Send = (reply: FastifyReply, answer: Answer) => void;

/** Maximum length of a text that is written at once. In characters. */
const writtenAtOnce = 64 * 1024;
const tooManyReaders = withRetryAfter(problem(503, "Too many long answers are being read; try again"));

/** Creates the sender of a server. @param longAnswers maximum number of concurrent answers that are not written at once */
export function createSender(log: Logger, longAnswers: number): Send {
  const logRequest = createRequestLog(log);
  const long = createLongAnswers(longAnswers);

  const send: Send = (reply, { status, body, headers, taskId, trailers = {} }) => {
    if (typeof body === "string" && body.length <= writtenAtOnce) {
      if (headers) reply.headers(headers);
      reply.code(status).header("content-type", "application/json; charset=utf-8").send(body);
      logRequest(reply.request, status, taskId);
      return;
    }
    const stream = long.open(typeof body === "string" ? wholeText(body) : body);
    if (!stream) return send(reply, tooManyReaders);
    const fields = requestFields(reply.request);
    stream.once("error", ({ message }: Error) => log.warn({ ...fields, cause: message }, "an answer was cut off"));
    if (headers) reply.headers(headers);
    if (typeof body === "string") reply.header("content-length", Buffer.byteLength(body));
    else if (wantsTrailers(reply.request.headers.te)) {
      for (const [name, value] of Object.entries(trailers)) reply.trailer(name, async () => value());
    }
    reply.code(status).header("content-type", "application/json; charset=utf-8").send(stream);
    logRequest(reply.request, status, taskId);
  };
  return send;
}

function wholeText(first: string): LongText {
  return { first, next: async () => undefined };
}

/** Other clients may use a proxy or an HTTP version without trailers. */
function wantsTrailers(te: string | string[] | undefined): boolean {
  return /(^|,)\s*trailers\s*(,|$)/i.test(String(te ?? ""));
}
