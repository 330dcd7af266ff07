import { buildConnector, Client, Pool } from "undici";
import type { Config } from "../../../../shared/config.ts";
import type { Logger } from "../../../../shared/logger.ts";
import type { TaskRecord } from "../../../../task-state/index.ts";
import { createAnswerTap } from "./answer-tap.ts";
import { createExchange, Ended, type Exchange, type ExchangeHandler } from "./exchange.ts";
import type { Outcome } from "./outcome.ts";

/** Metadata of a request. */
export interface RequestMarks {
  /** Sent as `traceparent`. */
  readonly trace?: string | undefined;
  /** How often an operator retried the submission: each such retry is a new submission to the scheduler. */
  readonly generation: number;
  /** Fields of the log lines about the request. @default none */
  readonly fields?: object;
}

/** The client of the scheduler. Every call resolves with an outcome within the request timeout; none throws. */
export interface SchedulerClient {
  /** Sends an `Idempotency-Key`, the same in every retry of a submission. */
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
 * Creates a client with up to `concurrency` kept-alive connections, one request on each at a time. The body of an answer whose
 * outcome is known may arrive slowly, until another request needs its connection.
 */
export function createSchedulerClient(
  settings: SchedulerSettings,
  concurrency: number,
  log?: Pick<Logger, "info">,
): SchedulerClient {
  const base = new URL(settings.schedulerBaseUrl);
  const limit = settings.requestTimeoutSeconds * 1000;
  const pool = new Pool(base.origin, {
    connections: concurrency,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // The request timeout below covers everything from the connection to the last byte.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin, options: Client.Options) => tappedClient(origin, options, limit),
  });
  const root = base.pathname.replace(/\/+$/, "");
  /** Exchanges whose outcome is known, oldest first. */
  const draining = new Set<Exchange>();
  let unsettled = 0;

  async function post(
    endpoint: string,
    body: unknown,
    headersOfTask: Readonly<Record<string, string>>,
    signal: AbortSignal,
    fields: object = {},
  ): Promise<Outcome> {
    unsettled += 1;
    const [oldest] = draining;
    if (unsettled + draining.size > concurrency) oldest?.abort(new Ended("AbortError"));
    let over = false;
    const stop = () => exchange.abort(new Ended("AbortError"));
    const exchange = createExchange(limit, (cut) => {
      over = true;
      draining.delete(exchange);
      if (cut) log?.info({ ...fields, cause: cut.message }, "the scheduler's answer was cut off after its status line");
    });
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const headers = { "content-type": "application/json", ...headersOfTask };
    pool.dispatch({ method: "POST", path: root + endpoint, headers, body: JSON.stringify(body) }, exchange.handler);
    const outcome = await exchange.outcome;
    signal.removeEventListener("abort", stop);
    unsettled -= 1;
    if (!over) draining.add(exchange);
    return outcome;
  }

  return {
    submit: ({ task_id, service, user_id, parameters }, signal, { trace, generation, fields } = unmarked) =>
      post(
        settings.schedulerTaskEndpoint,
        { task_id, service, user_id, parameters },
        { "idempotency-key": `${task_id}-${generation}`, ...traceHeader(trace) },
        signal,
        fields,
      ),
    cancel: ({ task_id, service, user_id }, signal, { trace, fields } = unmarked) =>
      post(settings.schedulerCancelEndpoint, { task_id, service, user_id }, traceHeader(trace), signal, fields),
    close: () => pool.destroy(),
  };
}

/** A connection whose answers the tap inspects. */
function tappedClient(origin: URL | string, options: Client.Options, timeout: number): Client {
  const tap = createAnswerTap();
  const connect = buildConnector({ timeout });
  const client = new Client(origin, {
    ...options,
    connect: (target, done) =>
      connect(target, (error, socket) => (error ? done(error, null) : done(null, tap.listen(socket)))),
  });
  const dispatch = client.dispatch.bind(client);
  client.dispatch = (request, handler: ExchangeHandler) => {
    handler.tap = tap;
    return dispatch(request, handler);
  };
  return client;
}

const unmarked: RequestMarks = { generation: 0 };

function traceHeader(trace: string | undefined): Record<string, string> {
  return trace === undefined ? {} : { traceparent: trace };
}
