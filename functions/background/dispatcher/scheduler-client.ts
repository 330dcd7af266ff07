import { Pool } from "undici";
import type { Config } from "../../../shared/config.ts";
import type { TaskRecord } from "../../../task-state/index.ts";
import { type Outcome, outcomeOfAnswer, outcomeOfError } from "./outcome.ts";

/** Speaks to the scheduler. Every call ends in an outcome; none throws. */
export interface SchedulerClient {
  /** `trace` is passed on as `traceparent`. */
  submit(task: TaskRecord, signal: AbortSignal, trace?: string): Promise<Outcome>;
  cancel(task: TaskRecord, signal: AbortSignal, trace?: string): Promise<Outcome>;
  close(): Promise<void>;
}

type SchedulerSettings = Pick<
  Config,
  "schedulerBaseUrl" | "schedulerTaskEndpoint" | "schedulerCancelEndpoint" | "requestTimeoutSeconds"
>;

/** Answers are short; what goes on for longer is not read. In bytes. */
const maxAnswer = 64 * 1024;
/** Shorter than the 5 s after which common Python servers close an idle connection, which would look like a reset. */
const keepAliveMs = 2000;

/** A client with up to `connections` kept-alive connections, one request on each at a time. */
export function createSchedulerClient(settings: SchedulerSettings, connections: number): SchedulerClient {
  const base = new URL(settings.schedulerBaseUrl);
  const timeout = settings.requestTimeoutSeconds * 1000;
  const pool = new Pool(base.origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    maxResponseSize: maxAnswer,
    connect: { timeout },
  });
  const root = base.pathname.replace(/\/+$/, "");

  async function post(
    endpoint: string,
    body: unknown,
    headersOfTask: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await pool.request({
        method: "POST",
        path: root + endpoint,
        headers: { "content-type": "application/json", ...headersOfTask },
        body: JSON.stringify(body),
        signal,
      });
      // The status alone tells the fate of an accepted request, whatever becomes of its body.
      const text =
        statusCode < 300
          ? await answer.dump().then(
              () => "",
              () => "",
            )
          : await answer.text().catch(() => "");
      const { "retry-after": retryAfter } = headers;
      return outcomeOfAnswer(statusCode, text, typeof retryAfter === "string" ? retryAfter : undefined);
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  return {
    submit: ({ task_id, service, user_id, parameters }, signal, trace) =>
      post(
        settings.schedulerTaskEndpoint,
        { task_id, service, user_id, parameters },
        { "idempotency-key": task_id, ...traceHeader(trace) },
        signal,
      ),
    cancel: ({ task_id, service, user_id }, signal, trace) =>
      post(settings.schedulerCancelEndpoint, { task_id, service, user_id }, traceHeader(trace), signal),
    close: () => pool.destroy(),
  };
}

function traceHeader(trace: string | undefined): Record<string, string> {
  return trace === undefined ? {} : { traceparent: trace };
}
