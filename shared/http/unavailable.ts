import type { Unavailability } from "../../task-state/index.ts";
import type { Endpoint } from "../api/endpoint.ts";
import { atMostEvery } from "../log-interval.ts";
import type { Logger } from "../logger.ts";
import type { RequestFields } from "./request-fields.ts";

/** What a request may change. Only a `change` and a `submission` can have taken effect without an answer. */
export type Effect = "submission" | "change" | "none";

/** The effect of a request to this endpoint. */
export function effectOf({ method, success }: Pick<Endpoint, "method" | "success">): Effect {
  if (method === "GET") return "none";
  return success === 202 ? "submission" : "change";
}

/** What happened, and what the client can do. It names no host and no cause: these appear in the log only. */
export const unavailableDetails: Readonly<Record<Effect, Readonly<Record<Unavailability, string>>>> = {
  submission: {
    refused: "The task store refuses to record tasks now; nothing was recorded. Try again later",
    unreachable: "The task store cannot be reached; nothing was recorded. Try again",
    reply_lost:
      "The task store did not confirm the task; it may have been recorded. List your tasks before you submit it again, or retry with the same Idempotency-Key",
  },
  change: {
    refused: "The task store refuses changes now; nothing was changed. Try again later",
    unreachable: "The task store cannot be reached; nothing was changed. Try again",
    reply_lost: "The task store did not confirm the change; it may have been made. Try again: it is not made twice",
  },
  none: {
    refused: "The task store does not serve requests now; try again later",
    unreachable: "The task store cannot be reached; try again",
    reply_lost: "The task store did not answer; try again",
  },
};

/** A request that Redis failed. */
export interface UnavailableRequest {
  readonly kind: Unavailability;
  /** The error of Redis or of its connection. */
  readonly cause: string;
  /** How the log names the request. */
  readonly fields: RequestFields;
}

/** Minimum time between two lines of one kind, in ms. */
const interval = 10_000;

/**
 * Logs requests that Redis failed: the first one at once, then at most one line per 10 s for each kind, and for each error
 * code of a refusal, with the number of requests since the last one.
 */
export function createUnavailableLog(log: Logger, intervalMs = interval): (failed: UnavailableRequest) => void {
  const reports = new Map<string, (failed: UnavailableRequest) => void>();
  const createReport = () => {
    let count = 0;
    let last: UnavailableRequest | undefined;
    const write = atMostEvery(intervalMs, () => {
      log.warn({ kind: last?.kind, cause: last?.cause, ...last?.fields, count }, "Redis is unavailable");
      count = 0;
    });
    return (failed: UnavailableRequest) => {
      last = failed;
      count += 1;
      write();
    };
  };
  return (failed) => {
    const [code = ""] = failed.kind === "refused" ? failed.cause.split(" ", 1) : [];
    const key = failed.kind + code;
    const report = reports.get(key) ?? createReport();
    reports.set(key, report);
    report(failed);
  };
}
