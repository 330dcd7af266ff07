import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as the scheduler has got it. */
export interface SchedulerRequest {
  readonly kind: "submit" | "cancel";
  readonly id: string;
  readonly user: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingHttpHeaders;
  /** When it had arrived, by `performance.now()`. */
  readonly at: number;
}

/** A status; an answer; nothing for ever; a connection that breaks. */
export type SchedulerReply =
  | number
  | { readonly status: number; readonly detail?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | "hang"
  | "reset";

/** Says what a request is answered with; the answer waits for the promise. */
export type Script = (request: SchedulerRequest) => SchedulerReply | Promise<SchedulerReply>;

/** A scheduler that does what a test tells it to, and writes nothing of its own accord. */
export interface ScriptedScheduler {
  readonly url: string;
  readonly port: number;
  /** Everything that has arrived, oldest first. */
  readonly requests: readonly SchedulerRequest[];
  /** The most requests that were under way at once. */
  readonly busiest: number;
  /** Connections that were ever made. */
  readonly connections: number;
  /** The ids of the requests of a kind, in the order in which they came. */
  ids(kind: SchedulerRequest["kind"]): string[];
  /** From now on this is the script. The first one is that of the reference scheduler: 202 to everything. */
  answer(script: Script): void;
  /** Breaks every connection and listens no more. */
  stop(): Promise<void>;
}

/** Listens on loopback, on a free port unless given otherwise. The caller stops it. */
export async function startScriptedScheduler(port = 0): Promise<ScriptedScheduler> {
  const requests: SchedulerRequest[] = [];
  let [underWay, busiest, connections] = [0, 0, 0];
  let script: Script = () => 202;
  const server = createServer(async (message, response) => {
    underWay += 1;
    busiest = Math.max(busiest, underWay);
    response.once("close", () => {
      underWay -= 1;
    });
    const request = await read(message);
    requests.push(request);
    send(await script(request), response);
  });
  server.on("connection", () => {
    connections += 1;
  });
  // Longer than any test: only the client closes what is idle.
  server.keepAliveTimeout = 60_000;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    get busiest() {
      return busiest;
    },
    get connections() {
      return connections;
    },
    ids: (kind) => requests.filter((request) => request.kind === kind).map(({ id }) => id),
    answer(next) {
      script = next;
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function read(message: IncomingMessage): Promise<SchedulerRequest> {
  const at = performance.now();
  const body = JSON.parse(await text(message)) as Record<string, unknown>;
  const kind = message.url === "/task" ? "submit" : "cancel";
  return { kind, id: String(body.task_id), user: String(body.user_id), body, headers: message.headers, at };
}

function send(reply: SchedulerReply, response: ServerResponse): void {
  if (reply === "hang") return;
  if (reply === "reset") return void response.destroy();
  const { status, detail, headers = {} } = typeof reply === "number" ? { status: reply } : reply;
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(detail === undefined ? {} : { detail }));
}
