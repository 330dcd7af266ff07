import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface RedisStandIn {
  /** `redis://127.0.0.1:<port>/0` */
  readonly url: string;
  close(): void;
}

/**
 * Starts a server that behaves like an empty Redis, for builds on machines without one: it accepts clients, answers PING,
 * and answers every other command with an empty list.
 */
export async function startRedisStandIn(): Promise<RedisStandIn> {
  const server = createServer(converse).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no free TCP port on 127.0.0.1");
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

/** A command is a list of strings; only the first one is used. */
const command = /\*(\d+)\r\n\$\d+\r\n(\w+)\r\n/g;

function converse(socket: Socket): void {
  socket.on("error", () => {});
  socket.on("data", (data) => {
    for (const [, , name = ""] of data.toString("latin1").matchAll(command)) {
      socket.write(replies[name.toUpperCase()] ?? "*0\r\n");
    }
  });
}
