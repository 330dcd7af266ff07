import { expect, test } from "vitest";
import {
  outcomeOfAnswer,
  outcomeOfError,
  parseRetryAfter,
} from "../../functions/background/dispatcher/scheduler/outcome.ts";

const answer = (status: number, detail?: unknown, retryAfter?: string) =>
  outcomeOfAnswer(status, detail === undefined ? "" : JSON.stringify({ detail }), retryAfter);

test.each([200, 201, 202, 204])("%i is accepted, whatever its body", (status) => {
  for (const body of ["", "{", '{"status":"cancelled"}', '{"detail":"Requests are blocked"}']) {
    expect(outcomeOfAnswer(status, body, undefined)).toEqual({ kind: "accepted" });
  }
});

test("403 is blocked when its detail says so, else refused", () => {
  expect(answer(403, "Requests are blocked")).toEqual({ kind: "blocked", detail: "Requests are blocked" });
  const mismatch = "Task 7 does not match service and user";
  expect(answer(403, mismatch)).toEqual({ kind: "refused", status: 403, detail: mismatch });
});

test("404 is a task that the scheduler does not know", () => {
  expect(answer(404, "Task 7 not found in shared store")).toMatchObject({ kind: "unknown_task" });
});

test.each([400, 401, 405, 409, 410, 413, 418, 422, 451])("%i is refused with its detail", (status) => {
  expect(answer(status, "no such handler")).toEqual({ kind: "refused", status, detail: "no such handler" });
});

test.each([408, 425, 429])("%i did not start the task", (status) => {
  expect(answer(status)).toEqual({ kind: "not_started", cause: String(status), unavailable: false });
  expect(answer(status, "x", "3")).toMatchObject({ retryAfterMs: 3000 });
});

test("503 did not start the task: the scheduler is unavailable", () => {
  expect(answer(503)).toEqual({ kind: "not_started", cause: "503", unavailable: true });
  expect(answer(503, "x", "3")).toEqual({ kind: "not_started", cause: "503", unavailable: true, retryAfterMs: 3000 });
});

test.each([500, 501, 502, 504, 505, 599, 301, 307])("after %i the fate is unknown", (status) => {
  expect(answer(status, "x")).toEqual({ kind: "unknown_fate", cause: String(status) });
});

test.each([
  [
    "a list of faults",
    JSON.stringify({ detail: [{ loc: ["body"], msg: "missing" }] }),
    '[{"loc":["body"],"msg":"missing"}]',
  ],
  ["no detail", '{"error":"x"}', "status 422"],
  ["null", "null", "status 422"],
  ["no JSON", "<html>", "status 422"],
  ["nothing", "", "status 422"],
])("a refusal with %s has a detail that people can read", (_, body, detail) => {
  expect(outcomeOfAnswer(422, body, undefined)).toEqual({ kind: "refused", status: 422, detail });
});

test("a long detail is cut", () => {
  expect(answer(400, "x".repeat(10_000))).toMatchObject({ detail: "x".repeat(500) });
});

const failed = (code: string) => Object.assign(new Error("failed"), { code });

test.each([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
])("%s proves that nothing was started: the scheduler is unavailable", (code) => {
  expect(outcomeOfError(failed(code))).toEqual({ kind: "not_started", cause: code, unavailable: true });
  expect(outcomeOfError(new TypeError("fetch failed", { cause: failed(code) }))).toMatchObject({ cause: code });
});

test.each([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_ABORTED",
])("after %s the fate is unknown", (code) => {
  expect(outcomeOfError(failed(code))).toEqual({ kind: "unknown_fate", cause: code });
});

test("an error without a code goes by its name, and the fate is unknown", () => {
  expect(outcomeOfError(AbortSignal.abort().reason)).toEqual({ kind: "unknown_fate", cause: "AbortError" });
  expect(outcomeOfError({})).toEqual({ kind: "unknown_fate", cause: "unknown error" });
});

const now = Date.parse("2026-11-24T00:00:00Z");

test.each([
  ["0", 0],
  ["12", 12_000],
  [" 7 ", 7000],
  ["599", 599_000],
  ["601", 600_000],
  ["99999999999999999999", 600_000],
  ["Tue, 24 Nov 2026 00:00:30 GMT", 30_000],
  ["Tuesday, 24-Nov-26 00:00:30 GMT", 30_000],
  ["Tue Nov 24 00:00:30 2026", 30_000],
  ["Mon, 23 Nov 2026 23:59:00 GMT", 0],
  ["Fri, 24 Nov 2028 00:00:00 GMT", 600_000],
])("Retry-After %j is %i ms", (value, ms) => {
  expect(parseRetryAfter(value, now)).toBe(ms);
});

test.each([undefined, "", " ", "soon", "-5", "1.5", "5 minutes", "in 5", "retry 5", "Infinity", "NaN", "1e3", "0x10"])(
  "Retry-After %j says nothing",
  (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  },
);
