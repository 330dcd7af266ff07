import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP link to a Redis whose answers take their time. */
export interface Link {
  readonly url: string;
  readonly port: number;
  /** How long everything that the Redis sends is under way from now on, in ms. */
  delay(ms: number): void;
  close(): void;
}

/** Opens a link on loopback to a port there; without a delay at first. */
export async function openLink(targetPort: number): Promise<Link> {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(targetPort, "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far);
    let freeAt = 0;
    far.on("data", (chunk) => {
      // What was sent first also arrives first, though the delay may have been cut meanwhile.
      freeAt = Math.max(freeAt, performance.now() + delayMs);
      setTimeout(() => near.write(chunk), Math.max(1, freeAt - performance.now()));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `redis://127.0.0.1:${address.port}/0`,
    port: address.port,
    delay(ms) {
      delayMs = ms;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
