import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TaskStore } from "../task-state/index.ts";
import type { Logger } from "./logger.ts";

/** Tells the dispatcher that there may be work. It carries nothing, and a lost ring costs only time. */
export interface Doorbell {
  /** Rings now; or once more when the last ring is `ringInterval` old and one may be sent. Never waits, never throws. */
  ring(): void;
}

/** The least time between two rings of a process, in ms. */
const ringInterval = 50;
/** Rings of a process that wait for an answer at once: a dispatcher that drains a backlog finds the work of later ones itself. */
const maxUnanswered = 4;
/** How long a ring waits for an answer: a dispatcher that starts from zero answers when it has drained the queue, in ms. */
const ringPatience = 120_000;

/** A bell at this address. */
export function createDoorbell(url: string, log: Logger): Doorbell {
  const target = new URL(url);
  const request = target.protocol === "https:" ? httpsRequest : httpRequest;
  let pausing = false;
  let again = false;
  let unanswered = 0;

  function send(): void {
    unanswered += 1;
    const ringing = request(target, { method: "POST", timeout: ringPatience }, (answer) => answer.resume());
    ringing.on("timeout", () => ringing.destroy());
    ringing.on("error", (error) => log.warn({ dispatcher: target.host, cause: error.message }, "bell was not heard"));
    // A process that ends does not wait for a dispatcher.
    ringing.on("socket", (socket) => socket.unref());
    ringing.on("close", () => {
      unanswered -= 1;
      if (again) ring();
    });
    ringing.end();
  }

  function ring(): void {
    again = pausing || unanswered >= maxUnanswered;
    if (again) return;
    pausing = true;
    send();
    setTimeout(() => {
      pausing = false;
      if (again) ring();
    }, ringInterval);
  }

  return { ring };
}

/** A store that rings after each change that leaves work for the dispatcher. */
export function ringing(store: TaskStore, { ring }: Doorbell): TaskStore {
  const rung = <Args extends unknown[], Result>(verb: (...args: Args) => Promise<Result>) => {
    return async (...args: Args) => {
      const result = await verb(...args);
      ring();
      return result;
    };
  };
  return {
    ...store,
    submit: rung(store.submit),
    submitOnce: rung(store.submitOnce),
    cancel: rung(store.cancel),
    delete: rung(store.delete),
  };
}
