/** The outcome of a request to the scheduler, as far as it is known. */
export type Outcome =
  /** The scheduler accepted the request (2xx). */
  | { readonly kind: "accepted" }
  /** The scheduler blocks all requests, or those of this user (403 "Requests are blocked"). */
  | { readonly kind: "blocked"; readonly detail: string }
  /** The scheduler does not know the task (404). */
  | { readonly kind: "unknown_task"; readonly detail: string }
  /** The scheduler refuses this request for good (any other 4xx). */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** The request provably started nothing; it may be sent again. */
  | {
      readonly kind: "not_started";
      readonly cause: string;
      /** True when the scheduler as a whole is unavailable, so that the attempt says nothing about this task. */
      readonly unavailable: boolean;
      /** From `Retry-After`, in ms. */
      readonly retryAfterMs?: number;
    }
  /** The request may have been carried out. */
  | { readonly kind: "unknown_fate"; readonly cause: string };

/** Longest `Retry-After` that is respected, in ms; a longer one is cut to this. */
export const maxRetryAfter = 10 * 60_000;

/**
 * The outcome of an answer, by the answers of the real scheduler.
 * @param date the answer's `Date` header, the base of a `Retry-After` that is a date
 */
export function outcomeOfAnswer(status: number, body: string, retryAfter: string | undefined, date?: string): Outcome {
  if (status >= 200 && status < 300) return { kind: "accepted" };
  const reason = detailOf(body);
  const detail = reason ?? `status ${status}`;
  const answeredAt = Date.parse(date ?? "");
  const retryAfterMs = parseRetryAfter(retryAfter, Number.isNaN(answeredAt) ? Date.now() : answeredAt);
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  // A 403 without its reason may be a block, which must not fail the task.
  if (status === 403 && reason === undefined)
    return { kind: "not_started", cause: "403", unavailable: false, ...later };
  if (status === 403 && /requests are blocked/i.test(detail)) return { kind: "blocked", detail };
  if (status === 404) return { kind: "unknown_task", detail };
  if (status === 503) return { kind: "not_started", cause: "503", unavailable: true, ...later };
  if (status === 408 || status === 425 || status === 429) {
    return { kind: "not_started", cause: String(status), unavailable: false, ...later };
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
 * The outcome of a request without an answer. It provably started nothing only if it never left the process.
 * @param sent false when no part of it was written to a connection
 */
export function outcomeOfError(error: unknown, sent = true): Outcome {
  const code = codeOf(error);
  if (!sent || neverConnected.has(code) || tlsFault.test(code))
    return { kind: "not_started", cause: code, unavailable: true };
  return { kind: "unknown_fate", cause: code };
}

function codeOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  if (cause !== undefined) return codeOf(cause);
  return typeof name === "string" ? name : "unknown error";
}

/** All three forms of an HTTP date begin with the day and contain a time, see RFC 9110, 5.6.7; the last one omits GMT. */
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
