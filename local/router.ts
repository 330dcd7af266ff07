import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { problem } from "../shared/http/answer.ts";
import type { Routing } from "./gateway.ts";

/** Finds the port of a function. */
export type PortOf = (name: string) => number | undefined;

/** A server that hands each request, as it is, to the function that the routing names, and its answer back. */
export function createRouter(routing: Routing, portOf: PortOf) {
  const agent = new Agent({ keepAlive: true });
  return createServer({ maxHeaderSize: 256 * 1024 }, (incoming, outgoing) => {
    const { method = "GET", url = "/" } = incoming;
    const [path = "/"] = url.split("?", 1);
    // A HEAD is served by the function that serves the GET.
    const name = routing(method === "HEAD" ? "GET" : method, path);
    const port = name === undefined ? undefined : portOf(name);
    if (port === undefined) return refuse(outgoing, 404, "Not Found");
    pass(incoming, outgoing, port, agent);
  });
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, port: number, agent: Agent): void {
  const { method, url: path, headers } = incoming;
  const passed = request({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  passed.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, 502, "The function cannot be reached");
  });
  outgoing.on("close", () => passed.destroy());
  incoming.pipe(passed);
}

function refuse(outgoing: ServerResponse, status: number, detail: string): void {
  outgoing.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  outgoing.end(String(problem(status, detail).body));
}
