import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Answer, problem, withRetryAfter } from "../shared/http/answer.ts";
import { answerClientError } from "../shared/http/error.ts";
import { bodyTooLarge } from "../shared/http/limits/body.ts";
import { requestId, requestIdHeader } from "../shared/http/request-id.ts";
import { securityHeaders } from "../shared/http/security-headers.ts";
import { missingHost } from "../shared/http/server.ts";
import { alive, livenessPath } from "../shared/runtime/liveness.ts";
import { readinessAnswer, readinessPath } from "../shared/runtime/readiness.ts";
import { type ForwardFault, forward } from "./forward.ts";
import type { Routing } from "./gateway.ts";
import { readBody } from "./request-body.ts";

/** What a router knows of the functions. */
export interface RouterOptions {
  readonly routing: Routing;
  /** The port of a function; `undefined` while it is not running. */
  readonly portOf: (name: string) => number | undefined;
  /** The longest body that a function reads, in bytes. */
  readonly bodyLimitOf: (name: string) => number;
  /** Why the functions are not ready; `undefined` when they are. */
  readonly fault: () => Promise<string | undefined>;
}

/** Longest time for a request to arrive, in ms: the body of a slow client is collected here, and a function gets it at once. */
const arrivalTimeout = 300_000;

/**
 * A server that forwards each request unchanged to the function of its route, and returns the answer. A body is forwarded
 * when it has arrived: a function that refuses a longer one would close the connection, and its answer would be lost.
 */
export function createRouter(options: RouterOptions) {
  const settings = { maxHeaderSize: 256 * 1024, requireHostHeader: false, requestTimeout: arrivalTimeout };
  const server = createServer(settings, (incoming, outgoing) => {
    route(incoming, outgoing, options).catch(() => outgoing.destroy());
  });
  server.on("checkExpectation", (incoming, outgoing) => server.emit("request", incoming, outgoing));
  server.on("connect", (_request, socket) => answerClientError(new Error("not a proxy"), socket as Socket));
  return server.on("clientError", answerClientError);
}

/** The scheme and host of a target in absolute form. */
const origin = /^https?:\/\/[^/?#]*/i;

async function route(incoming: IncomingMessage, outgoing: ServerResponse, options: RouterOptions): Promise<void> {
  const { method = "GET", url = "/", headers, httpVersion } = incoming;
  const answer = (given: Answer) => send(incoming, outgoing, given);
  if (headers.host === undefined && httpVersion === "1.1") return answer(missingHost);
  const target = url.replace(origin, "").replace(/^(?!\/)/, "/");
  const [path = "/"] = target.split("?", 1);
  if (method === "GET" && path === livenessPath) return answer({ status: 200, body: alive });
  if (method === "GET" && path === readinessPath) return answer(readinessAnswer(await options.fault()));
  const found = options.routing(method, path);
  if (!found) return answer(problem(404, "Not Found"));
  const body = method === "GET" ? dropBody(incoming) : await readBody(incoming, options.bodyLimitOf(found.name));
  if (body === undefined) return answer(problem(413, bodyTooLarge));
  const port = options.portOf(found.name);
  if (port === undefined) return answer(faults.unreachable);
  forward(incoming, outgoing, { port, target, body, timeoutMs: found.timeoutMs }, (fault) => answer(faults[fault]));
}

/** No function reads the body of a GET. */
function dropBody(incoming: IncomingMessage): Buffer {
  incoming.resume();
  return Buffer.alloc(0);
}

const faults: Readonly<Record<ForwardFault, Answer>> = {
  unreachable: withRetryAfter(problem(503, "The function is starting; try again")),
  timeout: problem(504, "The function did not answer in time. A submission may have been recorded all the same"),
  reset: problem(502, "The function ended without an answer. A submission may have been recorded all the same"),
};

function send(incoming: IncomingMessage, outgoing: ServerResponse, { status, body, headers }: Answer): void {
  outgoing.writeHead(status, {
    ...securityHeaders,
    ...headers,
    [requestIdHeader]: requestId(incoming.headers),
    "content-type": "application/json; charset=utf-8",
    // What is left of the body is not read.
    ...(incoming.complete ? {} : { connection: "close" }),
  });
  outgoing.end(String(body));
}
