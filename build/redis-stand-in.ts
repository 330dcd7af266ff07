import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface RedisStandIn {
  /** `redis://127.0.0.1:<port>/0` */
  readonly url: string;
  close(): void;
}

/**
 * Something that a client takes for an empty Redis, for builds on machines that have none: it greets, answers PING, and
 * everything else with an empty list.
 */
export async function startRedisStandIn(): Promise<RedisStandIn> {
  const server = createServer(converse).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP port to be had on 127.0.0.1");
  return { url: `redis://127.0.0.1:${address.port}/0`, close: () => server.close() };
}

const info = "redis_version:7.2.0\r\nloading:0\r\n";
const replies: Readonly<Record<string, string>> = {
  HELLO: "-ERR unknown command 'HELLO'\r\n",
  INFO: `$${info.length}\r\n${info}\r\n`,
  CLIENT: "+OK\r\n",
  SELECT: "+OK\r\n",
  PING: "+PONG\r\n",
};

/** Each command is a list of strings, of which only the first matters. */
const command = /\*(\d+)\r\n\$\d+\r\n(\w+)\r\n/g;

function converse(socket: Socket): void {
  socket.on("error", () => {});
  socket.on("data", (data) => {
    for (const [, , name = ""] of data.toString("latin1").matchAll(command)) {
      socket.write(replies[name.toUpperCase()] ?? "*0\r\n");
    }
  });
}
