import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** The header that carries a request's id, in and out. */
export const requestIdHeader = "x-request-id";

/** Printable ASCII without quotes, so that an id can stand in any log. */
const acceptable = /^[\w.:/+=@-]{1,128}$/;

/** The id that the caller or a gateway has given the request, or a new one where there is none that can be used. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers[requestIdHeader];
  return typeof given === "string" && acceptable.test(given) ? given : randomUUID();
}
