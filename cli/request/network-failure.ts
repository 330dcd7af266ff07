import { formatLimit } from "../duration.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { NoAnswer } from "./no-answer.ts";

type Words = readonly [message: string, hint: string];

const start = "Check that the service is running, and --api-base or DMS_API_BASE; `dms-frontend dev` starts a service.";
const broken = "The service may be restarting, or may expect https:// instead of http://. Try again.";
const proxyHint = "Check HTTP_PROXY and HTTPS_PROXY; NO_PROXY lists hosts that need no proxy.";
const unknownIssuer = "If it is your organisation's own, set DMS_CLI_CA_BUNDLE=/path/to/ca.pem.";

/** Message and hint by error code, for `host`. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const words: Readonly<Record<string, (host: string) => Words>> = {
  ECONNREFUSED: (host) => [`nothing is listening on ${host}`, start],
  ENOTFOUND: (host) => [`host ${host} not found`, "Check --api-base or DMS_API_BASE."],
  EAI_AGAIN: (host) => [`could not resolve host ${host}`, "Check the network and --api-base."],
  EHOSTUNREACH: (host) => [`could not reach ${host}`, "Check the network, a VPN and --api-base."],
  ENETUNREACH: (host) => [`could not reach ${host}`, "Check the network, a VPN and --api-base."],
  ETIMEDOUT: (host) => [`the connection to ${host} timed out`, "Check the network, a VPN and --api-base."],
  ECONNRESET: (host) => [`the connection to ${host} was closed`, broken],
  EPIPE: (host) => [`the connection to ${host} was closed`, broken],
  SELF_SIGNED_CERT_IN_CHAIN: (host) => [`the issuer of ${host}'s certificate is not trusted`, unknownIssuer],
  DEPTH_ZERO_SELF_SIGNED_CERT: (host) => [`the certificate of ${host} is self-signed and not trusted`, unknownIssuer],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (host) => [`the issuer of ${host}'s certificate is unknown`, unknownIssuer],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (host) => [`the issuer of ${host}'s certificate is unknown`, unknownIssuer],
  CERT_HAS_EXPIRED: (host) => [
    `the certificate of ${host} has expired`,
    "The operators of the server must renew it; also check the clock of this machine.",
  ],
  CERT_NOT_YET_VALID: (host) => [`the certificate of ${host} is not valid yet`, "Check the clock of this machine."],
  ERR_TLS_CERT_ALTNAME_INVALID: (host) => [
    `the certificate presented by ${host} is for another name`,
    "Use the host name of the certificate in --api-base.",
  ],
  EPROTO: (host) => [`${host} does not speak TLS`, "Try http:// instead of https:// in --api-base."],
  ERR_SSL_WRONG_VERSION_NUMBER: (host) => [
    `${host} does not speak TLS`,
    "Try http:// instead of https:// in --api-base.",
  ],
  HPE_INVALID_CONSTANT: (host) => [`${host} does not speak HTTP`, "Try https:// instead of http:// in --api-base."],
};

/** A network error as a Failure with a clear message. */
export function networkFailure(error: unknown, origin: URL, timeoutMs: number): Failure {
  const cause = error instanceof Error ? error : new Error(String(error));
  const [message, hint] = describe(cause, origin, timeoutMs);
  return new Failure(exitCodes.unavailable, message, { hint, cause });
}

function describe(error: Error, origin: URL, timeoutMs: number): Words {
  const { host, hostname, protocol } = origin;
  if (error instanceof NoAnswer) {
    return [`no answer from ${host} within ${formatLimit(timeoutMs)}`, "Set a longer --timeout-request."];
  }
  const code = codeOf(error);
  const proxy = proxyOf(error, origin);
  if (proxy !== undefined) return [`could not reach the proxy ${proxy}`, proxyHint];
  if (code === "ERR_PROXY_TUNNEL") return [`the proxy refused the connection: ${error.message}`, proxyHint];
  const known = words[code];
  if (known) return known(code === "ENOTFOUND" || code === "EAI_AGAIN" ? hostname : host);
  const what = error.message || code;
  return [`the request to ${protocol}//${host} failed: ${what}`, "Pass --debug to see the request."];
}

/** The proxy that could not be reached; `undefined` when the failed host is the API. */
function proxyOf(error: Error, { hostname, port, protocol }: URL): string | undefined {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) error = error.errors[0];
  if ("port" in error && error.port !== Number(port || (protocol === "https:" ? 443 : 80))) {
    return "address" in error ? `${error.address}:${error.port}` : `at port ${error.port}`;
  }
  return "hostname" in error && error.hostname !== hostname ? String(error.hostname) : undefined;
}

/** The first error code of an error, its causes or its aggregated errors. */
function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return error.cause instanceof Error ? codeOf(error.cause) : "";
}
