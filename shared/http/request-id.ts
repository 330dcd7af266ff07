import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** The header that carries a request's id, in and out. */
export const requestIdHeader = "x-request-id";

/** Printable ASCII without quotes, so that an id is safe in any log. */
const acceptable = /^[\w.:/+=@-]{1,128}$/;

/** The request id from the caller or a gateway, or a new one when it is missing or not acceptable. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers[requestIdHeader];
  return typeof given === "string" && acceptable.test(given) ? given : randomUUID();
}
