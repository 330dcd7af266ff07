import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { AnswerTap } from "./answer-tap.ts";
import { type Outcome, outcomeOfAnswer, outcomeOfError } from "./outcome.ts";

/** Largest part of an answer's body that is read, in bytes. */
const maxBody = 64 * 1024;
/** How long an answer that its status line settles may take to end, so that its connection is free for the next request, in ms. */
const endTime = 20;

/** One request to the scheduler, from its dispatch to its end. */
export interface Exchange {
  readonly handler: ExchangeHandler;
  /** Resolves as soon as the outcome is known; the body of the answer may still arrive then. */
  readonly outcome: Promise<Outcome>;
  /** Ends the exchange unless it has ended. A request that has not left the process by then is not sent. */
  abort(reason: Error): void;
}

/** The client's handler of an exchange; the connection that carries it sets the tap. */
export interface ExchangeHandler extends Dispatcher.DispatchHandler {
  tap?: AnswerTap;
}

/**
 * Creates an exchange that is not dispatched yet. A request whose connection is ready only after `latest`, as when the
 * process was frozen meanwhile, does not leave: by then another dispatcher may have settled the task.
 * @param latest by `performance.now()`
 * @param onOver called once, when the exchange has ended; `cut`: why its answer was not read to the end
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
    else resolve({ kind: "not_started", cause: why.name, unavailable: true });
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
      // Informational answers precede the final one.
      if (statusCode < 200) return;
      status = statusCode;
      headers = given;
      // Only a refusal carries a reason in its body; otherwise the status line is the outcome.
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
      // Until the request starts, the tap holds the status of another one.
      const seen = status ?? (controller && handler.tap?.status());
      if (seen === undefined) end(outcomeOfError(error, controller !== undefined));
      else end(known ?? byAnswer(seen), error);
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
