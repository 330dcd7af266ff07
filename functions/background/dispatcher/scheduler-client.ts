import { buildConnector, Pool } from "undici";
import type { Config } from "../../../shared/config.ts";
import type { Logger } from "../../../shared/logger.ts";
import type { TaskRecord } from "../../../task-state/index.ts";
import { createExchange } from "./exchange.ts";
import type { Outcome } from "./outcome.ts";
import { skipContinue } from "./skip-continue.ts";

/** What goes along with a request. */
export interface RequestMarks {
  /** Passed on as `traceparent`. */
  readonly trace?: string | undefined;
  /** How often an operator has sent the submission again: each is another one, all its repetitions are the same. */
  readonly generation: number;
}

/** Speaks to the scheduler. Every call ends in an outcome, within the request's limit; none throws. */
export interface SchedulerClient {
  /** Carries an `Idempotency-Key`, the same in every repetition of a submission. */
  submit(task: TaskRecord, signal: AbortSignal, marks?: RequestMarks): Promise<Outcome>;
  cancel(task: TaskRecord, signal: AbortSignal, marks?: RequestMarks): Promise<Outcome>;
  close(): Promise<void>;
}

type SchedulerSettings = Pick<
  Config,
  "schedulerBaseUrl" | "schedulerTaskEndpoint" | "schedulerCancelEndpoint" | "requestTimeoutSeconds"
>;

/** Shorter than the 5 s after which common Python servers close an idle connection, which would look like a reset. */
const keepAliveMs = 2000;

/**
 * A client with kept-alive connections, one request on each at a time: up to `concurrency` for requests, and as many for
 * bodies that are still on their way when their requests are settled.
 */
export function createSchedulerClient(
  settings: SchedulerSettings,
  concurrency: number,
  log?: Pick<Logger, "info">,
): SchedulerClient {
  const base = new URL(settings.schedulerBaseUrl);
  const limit = settings.requestTimeoutSeconds * 1000;
  const connector = buildConnector({ timeout: limit });
  const pool = new Pool(base.origin, {
    connections: 2 * concurrency,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // The one limit of a request is kept here, from the connection to the last byte.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, done) =>
      connector(options, (error, socket) => (error ? done(error, null) : done(null, skipContinue(socket)))),
  });
  const root = base.pathname.replace(/\/+$/, "");
  let draining = 0;

  async function post(
    endpoint: string,
    body: unknown,
    headersOfTask: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    let [isDraining, over] = [false, false];
    const stop = () => exchange.abort(new Ended("AbortError"));
    const timer = setTimeout(() => exchange.abort(new Ended("REQUEST_TIMEOUT")), limit);
    const exchange = createExchange((cut) => {
      clearTimeout(timer);
      over = true;
      if (isDraining) draining -= 1;
      if (cut) log?.info({ cause: cut.message }, "The scheduler's answer was cut off behind its status line");
    });
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const headers = { "content-type": "application/json", ...headersOfTask };
    pool.dispatch({ method: "POST", path: root + endpoint, headers, body: JSON.stringify(body) }, exchange.handler);
    const outcome = await exchange.outcome;
    signal.removeEventListener("abort", stop);
    if (!over) {
      isDraining = true;
      draining += 1;
      if (draining > concurrency) exchange.abort(new Ended("AbortError"));
    }
    return outcome;
  }

  return {
    submit: ({ task_id, service, user_id, parameters }, signal, { trace, generation } = unmarked) =>
      post(
        settings.schedulerTaskEndpoint,
        { task_id, service, user_id, parameters },
        { "idempotency-key": `${task_id}-${generation}`, ...traceHeader(trace) },
        signal,
      ),
    cancel: ({ task_id, service, user_id }, signal, { trace } = unmarked) =>
      post(settings.schedulerCancelEndpoint, { task_id, service, user_id }, traceHeader(trace), signal),
    close: () => pool.destroy(),
  };
}

const unmarked: RequestMarks = { generation: 0 };

/** Why an exchange was ended from this side. */
class Ended extends Error {
  constructor(name: "REQUEST_TIMEOUT" | "AbortError") {
    super(name);
    this.name = name;
  }
}

function traceHeader(trace: string | undefined): Record<string, string> {
  return trace === undefined ? {} : { traceparent: trace };
}
