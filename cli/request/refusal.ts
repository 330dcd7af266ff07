import type { IncomingMessage } from "node:http";
import { type ExitCode, exitCodes, Failure } from "../exit-code.ts";
import type { Route } from "./route.ts";

type Head = Pick<IncomingMessage, "statusCode" | "headers">;

/** The Failure for an answer other than 2xx. */
export function refusal({ statusCode: status = 0, headers }: Head, body: string, route: Route): Failure {
  const detail = detailOf(body);
  if (status === 404 && route.method !== undefined && !isMissingTask(detail)) {
    return new Failure(exitCodes.failed, `this server does not offer ${route.method} ${route.path}`, {
      hint: "It may be older than this command, or --api-base may lack the API's prefix.",
    });
  }
  return new Failure(codeOf(status), detail ?? `the server answered ${status}`, {
    hint: hintFor(status, route, headers.location),
    answer: body,
  });
}

/** True for a status that a retry may resolve. */
export function isTransient(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function isMissingTask(detail: string | undefined): boolean {
  return detail !== undefined && detail !== "Not Found";
}

function codeOf(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  if (status === 401 || status === 403) return exitCodes.denied;
  if (status === 407 || status === 408 || status === 429 || status >= 500) return exitCodes.unavailable;
  return exitCodes.failed;
}

function hintFor(status: number, { auth }: Route, location: string | undefined): string | undefined {
  if (status < 400 && location !== undefined)
    return `It redirects to ${location}: set --api-base to the base URL of the API there.`;
  switch (status) {
    case 401:
    case 403:
      return "Set DMS_OPERATOR_TOKEN, or pass --token-file or --token-stdin.";
    case 404:
      if (auth === "operator") return undefined;
      return "A task is only visible to its owner: check --service, --user and the id.";
    case 407:
      return "The proxy requires authentication: set HTTP_PROXY=http://name:password@host:port.";
    case 413:
    case 414:
      return "Store long values in a file on the storage and submit its path.";
    case 429:
    case 503:
      return "Try again in a moment; `dms-frontend ping` shows which part is unavailable.";
    default:
      return status >= 500 ? "This is an error of the server; see its log." : undefined;
  }
}

/** The `detail` of an error body: a text, or a list of errors as other frameworks write it. */
function detailOf(body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("detail" in value)) return undefined;
  return typeof value.detail === "string" ? value.detail : JSON.stringify(value.detail);
}
