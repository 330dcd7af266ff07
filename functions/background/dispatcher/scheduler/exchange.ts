import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { AnswerTap } from "./answer-tap.ts";
import { type Outcome, outcomeOfAnswer, outcomeOfError } from "./outcome.ts";

/** What goes on for longer is not read of an answer's body, in bytes. */
const maxBody = 64 * 1024;
/** How long an answer whose status line says all is given to end, so that the next request finds its connection free, in ms. */
const endTime = 20;

/** One request to the scheduler, from its dispatch to whatever ends it. */
export interface Exchange {
  readonly handler: ExchangeHandler;
  /** Resolves as soon as the outcome is known; the body of an answer may still be on its way then. */
  readonly outcome: Promise<Outcome>;
  /** Ends it, if it is not over. What has not left the process by then will not leave it. */
  abort(reason: Error): void;
}

/** The client's handler of an exchange, which the connection that carries it lends its tap. */
export interface ExchangeHandler extends Dispatcher.DispatchHandler {
  tap?: AnswerTap;
}

/**
 * An exchange that is not dispatched yet. A request whose connection is ready only after `latest`, as when the process was
 * frozen meanwhile, does not leave: by then another dispatcher may have settled the task.
 * @param latest by `performance.now()`
 * @param onOver called once, when nothing of it is under way any more; `cut`: why its answer was not read to the end
 */
export function createExchange(latest: number, onOver: (cut?: Error) => void): Exchange {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let controller: Dispatcher.DispatchController | undefined;
  let reason: Error | undefined;
  let status: number | undefined;
  let headers: IncomingHttpHeaders = {};
  let known: Outcome | undefined;
  let ending: NodeJS.Timeout | undefined;
  const body: Buffer[] = [];
  let bytes = 0;

  const byAnswer = (given: number, text = "") => outcomeOfAnswer(given, text, headers["retry-after"], headers.date);
  const abort = (why: Error) => {
    if (reason) return;
    reason = why;
    if (controller) controller.abort(why);
    else resolve({ kind: "not_started", cause: why.name, away: true });
  };
  const end = (outcome: Outcome, cut?: Error) => {
    clearTimeout(ending);
    onOver(cut);
    resolve(outcome);
  };

  const handler: ExchangeHandler = {
    onRequestStart(started) {
      handler.tap?.begin();
      if (performance.now() > latest) abort(new Ended("REQUEST_TIMEOUT"));
      controller = started;
      if (reason) started.abort(reason);
    },
    onResponseStart(_controller, statusCode, given) {
      // Informational answers come before the one that counts.
      if (statusCode < 200) return;
      status = statusCode;
      headers = given;
      // Only a refusal has a reason in its body; for all else the status line is the outcome.
      if (statusCode >= 400 && statusCode < 500) return;
      known = byAnswer(statusCode);
      ending = setTimeout(resolve, endTime, known);
    },
    onResponseData(started, chunk) {
      bytes += chunk.length;
      if (bytes > maxBody) started.abort(new Error(`the body is longer than ${maxBody} bytes`));
      else if (!known) body.push(chunk);
    },
    onResponseEnd() {
      if (status !== undefined) end(known ?? byAnswer(status, String(Buffer.concat(body))));
    },
    onResponseError(_controller, error) {
      // Before its start the tap still knows the answer of another request.
      const told = status ?? (controller && handler.tap?.status());
      if (told === undefined) end(outcomeOfError(error, controller !== undefined));
      else end(known ?? byAnswer(told), error);
    },
  };
  return { outcome: promise, handler, abort };
}

/** Why an exchange was ended from this side. */
export class Ended extends Error {
  constructor(name: "REQUEST_TIMEOUT" | "AbortError") {
    super(name);
    this.name = name;
  }
}
