import { Agent, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";

/** Where and how a request is forwarded. */
export interface Forwarding {
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly body: Buffer;
  /** Longest silence of the function, in ms. */
  readonly timeoutMs: number;
}

/** Why a function gave no answer. */
export type ForwardFault = "unreachable" | "timeout" | "reset";

const agent = new Agent({ keepAlive: true });

/**
 * Forwards a request to a function, and its answer with trailers to the client. An answer that breaks off closes the
 * connection of the client.
 * @param fail is called at most once, when there is no answer
 */
export function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { port, target: path, body, timeoutMs }: Forwarding,
  fail: (fault: ForwardFault) => void,
): void {
  const { method } = incoming;
  const headers = withBody(incoming.headers, body);
  let timedOut = false;
  const passed = request({ host: "127.0.0.1", port, method, path, headers, agent, timeout: timeoutMs }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.pipe(outgoing, { end: false });
    answer.on("end", () => {
      if (Object.keys(answer.trailers).length > 0) outgoing.addTrailers(trailersOf(answer));
      outgoing.end();
    });
    answer.on("error", () => outgoing.destroy());
  });
  passed.on("timeout", () => {
    timedOut = true;
    passed.destroy(new Error("the function does not answer"));
  });
  passed.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (outgoing.headersSent) outgoing.destroy();
    else if (!outgoing.destroyed) fail(timedOut ? "timeout" : code === "ECONNREFUSED" ? "unreachable" : "reset");
  });
  outgoing.on("close", () => passed.destroy());
  passed.end(body);
}

function trailersOf({ trailers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(trailers).map(([name, value]) => [name, value ?? ""]));
}

/** Removes the headers of a single connection, which must not be forwarded. */
function endToEnd({ connection: _, "keep-alive": _also, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

/** The headers of a request whose body has arrived as a whole: nothing is left to expect. */
function withBody(given: IncomingHttpHeaders, body: Buffer): IncomingHttpHeaders {
  const { expect: _, "transfer-encoding": chunked, "content-length": declared, ...headers } = endToEnd(given);
  const hasBody = chunked !== undefined || declared !== undefined;
  return hasBody ? { ...headers, "content-length": String(body.length) } : headers;
}
