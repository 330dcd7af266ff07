import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import { problem } from "../shared/http/answer.ts";
import { answerClientError } from "../shared/http/error.ts";
import { requestId, requestIdHeader } from "../shared/http/request-id.ts";
import { securityHeaders } from "../shared/http/security-headers.ts";
import { alive, livenessPath } from "../shared/runtime/liveness.ts";
import type { Routing } from "./gateway.ts";

/** The port of a function; `undefined` when it is not running. */
export type PortOf = (name: string) => number | undefined;

/** A server that forwards each request unchanged to the function of its route, and returns the answer. It answers `/livez` itself. */
export function createRouter(routing: Routing, portOf: PortOf) {
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    const [path = "/"] = url.split("?", 1);
    if (method === "GET" && path === livenessPath) return send(incoming, outgoing, 200, alive);
    const name = routing(method, path);
    const port = name === undefined ? undefined : portOf(name);
    if (port === undefined) return refuse(incoming, outgoing, 404, "Not Found");
    pass(incoming, outgoing, port, agent);
  });
  return server.on("clientError", answerClientError);
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, port: number, agent: Agent): void {
  const { method, url: path } = incoming;
  const headers = endToEnd(incoming.headers);
  const passed = request({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.pipe(outgoing);
  });
  passed.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(incoming, outgoing, 502, "The function cannot be reached");
  });
  outgoing.on("close", () => passed.destroy());
  incoming.pipe(passed);
}

/** Removes the headers of a single connection, which must not be forwarded. */
function endToEnd({ connection: _, "keep-alive": _also, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number, detail: string): void {
  send(incoming, outgoing, status, String(problem(status, detail).body));
}

function send({ headers }: IncomingMessage, outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, {
    ...securityHeaders,
    [requestIdHeader]: requestId(headers),
    "content-type": "application/json; charset=utf-8",
  });
  outgoing.end(body);
}
