/** What became of a request to the scheduler, as far as it can be known. */
export type Outcome =
  /** The scheduler has taken the request (2xx). */
  | { readonly kind: "accepted" }
  /** The scheduler takes no requests now, or none of this user (403 "Requests are blocked"). */
  | { readonly kind: "blocked"; readonly detail: string }
  /** The scheduler does not know the task (404). */
  | { readonly kind: "unknown_task"; readonly detail: string }
  /** The scheduler will not take this request, now or later (any other 4xx). */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** The request provably did not start anything; it may be sent again. */
  | {
      readonly kind: "not_started";
      readonly cause: string;
      /** The scheduler as a whole is away, so the attempt says nothing about this task. */
      readonly away: boolean;
      /** From `Retry-After`, in ms. */
      readonly retryAfterMs?: number;
    }
  /** The request may have been carried out. */
  | { readonly kind: "unknown_fate"; readonly cause: string };

/** A `Retry-After` that is longer is cut to this, in ms. */
export const maxRetryAfter = 10 * 60_000;

/**
 * The outcome of an answer. Source: the answers of the running scheduler.
 * @param date the answer's own time, which a `Retry-After` in the form of a date is counted from
 */
export function outcomeOfAnswer(status: number, body: string, retryAfter: string | undefined, date?: string): Outcome {
  if (status >= 200 && status < 300) return { kind: "accepted" };
  const told = detailOf(body);
  const detail = told ?? `status ${status}`;
  const answeredAt = Date.parse(date ?? "");
  const retryAfterMs = parseRetryAfter(retryAfter, Number.isNaN(answeredAt) ? Date.now() : answeredAt);
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  // Without its reason a 403 may be a pause, which must not fail the task.
  if (status === 403 && told === undefined) return { kind: "not_started", cause: "403", away: false, ...later };
  if (status === 403 && /requests are blocked/i.test(detail)) return { kind: "blocked", detail };
  if (status === 404) return { kind: "unknown_task", detail };
  if (status === 503) return { kind: "not_started", cause: "503", away: true, ...later };
  if (status === 408 || status === 425 || status === 429) {
    return { kind: "not_started", cause: String(status), away: false, ...later };
  }
  if (status >= 400 && status < 500) return { kind: "refused", status, detail };
  return { kind: "unknown_fate", cause: String(status) };
}

const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const tlsFault = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;

/**
 * The outcome of a request that has got no answer. Only what has never left the process proves that nothing started.
 * @param sent false: none of it has been written to a connection
 */
export function outcomeOfError(error: unknown, sent = true): Outcome {
  const code = codeOf(error);
  if (!sent || neverConnected.has(code) || tlsFault.test(code)) return { kind: "not_started", cause: code, away: true };
  return { kind: "unknown_fate", cause: code };
}

function codeOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  if (cause !== undefined) return codeOf(cause);
  return typeof name === "string" ? name : "unknown error";
}

/** All three forms of an HTTP date begin with the day and hold a time, see RFC 9110, 5.6.7; the last one leaves GMT out. */
const httpDate = /^(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,? .*\d\d:\d\d:\d\d/;

/** Reads `Retry-After`, seconds or an HTTP date, as ms from `now`; see RFC 9110, 10.2.3. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (!/^\d+$/.test(text) && !httpDate.test(text)) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text.endsWith("GMT") ? text : `${text} GMT`) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfter);
}

const maxDetail = 500;

function detailOf(body: string): string | undefined {
  if (body === "") return undefined;
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    const text = typeof detail === "string" ? detail : JSON.stringify(detail);
    return text?.slice(0, maxDetail);
  } catch {
    return undefined;
  }
}
