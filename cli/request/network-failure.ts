import { formatLimit } from "../duration.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { NoAnswer } from "./no-answer.ts";

type Words = readonly [message: string, hint: string];

const start =
  "Is the service running there? --api-base or DMS_API_BASE says where to look; `dms-frontend dev` starts one.";
const broken = "Try again; a service that restarts does this, and one that wants https:// instead of http://.";
const proxyHint = "HTTP_PROXY and HTTPS_PROXY name it, NO_PROXY the hosts that are asked without one.";
const unknownIssuer = "If it is your organisation's own, name its certificate in DMS_CLI_CA_BUNDLE=/path/to/ca.pem.";

/** Words by the code of the error, for `host`. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const words: Readonly<Record<string, (host: string) => Words>> = {
  ECONNREFUSED: (host) => [`nothing answers at ${host}`, start],
  ENOTFOUND: (host) => [`there is no host ${host}`, "Check --api-base or DMS_API_BASE."],
  EAI_AGAIN: (host) => [`the name ${host} cannot be looked up now`, "Check the network, and --api-base."],
  EHOSTUNREACH: (host) => [`${host} cannot be reached`, "Check the network, a VPN, and --api-base."],
  ENETUNREACH: (host) => [`${host} cannot be reached`, "Check the network, a VPN, and --api-base."],
  ETIMEDOUT: (host) => [`no connection to ${host} in time`, "Check the network, a VPN, and --api-base."],
  ECONNRESET: (host) => [`the connection to ${host} broke`, broken],
  EPIPE: (host) => [`the connection to ${host} broke`, broken],
  SELF_SIGNED_CERT_IN_CHAIN: (host) => [`the issuer of ${host}'s certificate is not trusted`, unknownIssuer],
  DEPTH_ZERO_SELF_SIGNED_CERT: (host) => [`the certificate of ${host} is self-signed and not trusted`, unknownIssuer],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (host) => [`the issuer of ${host}'s certificate is not known`, unknownIssuer],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (host) => [`the issuer of ${host}'s certificate is not known`, unknownIssuer],
  CERT_HAS_EXPIRED: (host) => [
    `the certificate of ${host} has expired`,
    "Its operators must renew it; check this clock, too.",
  ],
  CERT_NOT_YET_VALID: (host) => [`the certificate of ${host} is not valid yet`, "Check the clock of this machine."],
  ERR_TLS_CERT_ALTNAME_INVALID: (host) => [
    `the certificate presented by ${host} is for another name`,
    "Use the name that stands in the certificate in --api-base.",
  ],
  EPROTO: (host) => [`${host} does not speak TLS`, "Perhaps --api-base needs http:// instead of https://."],
  ERR_SSL_WRONG_VERSION_NUMBER: (host) => [
    `${host} does not speak TLS`,
    "Perhaps --api-base needs http:// instead of https://.",
  ],
  HPE_INVALID_CONSTANT: (host) => [
    `${host} does not speak HTTP`,
    "Perhaps --api-base needs https:// instead of http://.",
  ],
};

/** A fault of the network in words. */
export function networkFailure(error: unknown, origin: URL, timeoutMs: number): Failure {
  const cause = error instanceof Error ? error : new Error(String(error));
  const [message, hint] = describe(cause, origin, timeoutMs);
  return new Failure(exitCodes.unavailable, message, { hint, cause });
}

function describe(error: Error, origin: URL, timeoutMs: number): Words {
  const { host, hostname, protocol } = origin;
  if (error instanceof NoAnswer) {
    return [`no answer from ${host} within ${formatLimit(timeoutMs)}`, "--timeout-request allows more time."];
  }
  const code = codeOf(error);
  const proxy = proxyOf(error, origin);
  if (proxy !== undefined) return [`the proxy ${proxy} cannot be reached`, proxyHint];
  if (code === "ERR_PROXY_TUNNEL") return [`the proxy does not let this through: ${error.message}`, proxyHint];
  const known = words[code];
  if (known) return known(code === "ENOTFOUND" || code === "EAI_AGAIN" ? hostname : host);
  const what = error.message || code;
  return [`${protocol}//${host} cannot be asked: ${what}`, "--debug shows the request."];
}

/** Who could not be connected with, when that is not the API itself. */
function proxyOf(error: Error, { hostname, port, protocol }: URL): string | undefined {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) error = error.errors[0];
  if ("port" in error && error.port !== Number(port || (protocol === "https:" ? 443 : 80))) {
    return "address" in error ? `${error.address}:${error.port}` : `at port ${error.port}`;
  }
  return "hostname" in error && error.hostname !== hostname ? String(error.hostname) : undefined;
}

/** The first code of an error, of its causes, or of the errors that it collects. */
function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return error.cause instanceof Error ? codeOf(error.cause) : "";
}
