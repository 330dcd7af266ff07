import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TaskStore } from "../task-state/index.ts";
import type { Logger } from "./logger.ts";

/** Wakes the dispatcher when there may be work. A call carries no data, and a lost call costs only time. */
export interface WakeUp {
  /** Sends a call now, or once more after `minInterval` when calls come faster. Never waits, never throws. */
  send(): void;
}

/** Minimum time between two calls of a process, in ms. */
const minInterval = 50;
/** Calls of a process that may wait for an answer: a dispatcher that drains a backlog finds later work by itself. */
const maxUnanswered = 4;
/** Timeout of a call, in ms: a dispatcher that starts from zero answers after it has drained the queue. */
const answerTimeout = 120_000;

/** The header that carries the token of a wake-up call. */
export const wakeUpHeader = "x-wake-up-token";

/** The headers of a wake-up call. @param tokens the accepted tokens; the first is sent */
export function wakeUpHeaders([token]: readonly string[]): Record<string, string> {
  return token === undefined ? {} : { [wakeUpHeader]: token };
}

/** Wake-up calls to the dispatcher at this URL. @param tokens the tokens that the dispatcher accepts */
export function createWakeUp(url: string, log: Logger, tokens: readonly string[] = []): WakeUp {
  const headers = wakeUpHeaders(tokens);
  const target = new URL(url);
  const open = target.protocol === "https:" ? httpsRequest : httpRequest;
  let pausing = false;
  let again = false;
  let unanswered = 0;

  function request(): void {
    unanswered += 1;
    const warn = (cause: string) => log.warn({ dispatcher: target.host, cause }, "could not wake the dispatcher");
    const call = open(target, { method: "POST", headers, timeout: answerTimeout }, (answer) => {
      answer.resume();
      // Such as a wrong token or path; with 503 the dispatcher was woken, and has left work.
      const { statusCode = 0 } = answer;
      if (statusCode >= 400 && statusCode < 500) warn(`it answered ${statusCode}`);
    });
    call.on("timeout", () => call.destroy());
    call.on("error", (error) => warn(error.message));
    // A process that ends does not wait for a dispatcher.
    call.on("socket", (socket) => socket.unref());
    call.on("close", () => {
      unanswered -= 1;
      if (again) send();
    });
    call.end();
  }

  function send(): void {
    again = pausing || unanswered >= maxUnanswered;
    if (again) return;
    pausing = true;
    request();
    setTimeout(() => {
      pausing = false;
      if (again) send();
    }, minInterval);
  }

  return { send };
}

/** A store that wakes the dispatcher after each change that leaves work for it. */
export function wakingStore(store: TaskStore, { send }: WakeUp): TaskStore {
  const waking = <Args extends unknown[], Result>(verb: (...args: Args) => Promise<Result>) => {
    return async (...args: Args) => {
      const result = await verb(...args);
      send();
      return result;
    };
  };
  return {
    ...store,
    submit: waking(store.submit),
    submitOnce: waking(store.submitOnce),
    cancel: waking(store.cancel),
    delete: waking(store.delete),
  };
}
