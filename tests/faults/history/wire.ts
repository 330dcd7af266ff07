import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createCommandCounter } from "./resp.ts";

/** What a wire does to what goes over it. */
export type WireState =
  | { readonly kind: "whole" }
  /** Breaks connections and takes none. */
  | { readonly kind: "cut" }
  /** Passes nothing on in either direction, and breaks nothing. */
  | { readonly kind: "stalled" }
  /** Passes requests on, and loses the answers. */
  | { readonly kind: "deaf" }
  /** Passes everything on, each direction this much later, in ms. */
  | { readonly kind: "slow"; readonly requests: number; readonly answers: number }
  /** Answers every command as a Redis that still reads its file. */
  | { readonly kind: "loading" };

/** A TCP proxy between one process and Redis. */
export interface Wire {
  readonly port: number;
  set(state: WireState): void;
  close(): void;
}

const loadingReply = "-LOADING Redis is loading the dataset in memory\r\n";
/** States behind which a connection has lost something, so that it must not go on. */
const lossy = new Set<WireState["kind"]>(["cut", "stalled", "deaf", "loading"]);
/** States that no connection from before lives to see. */
const abrupt = new Set<WireState["kind"]>(["cut", "loading"]);

/** Opens a wire on a free port of loopback to a port there. */
export async function openWire(targetPort: number): Promise<Wire> {
  let state: WireState = { kind: "whole" };
  const sockets = new Set<Socket>();
  const hold = (socket: Socket, onClose: () => void) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      onClose();
    });
  };

  /** Passes chunks on in their order, whatever their delays. */
  const pass = (from: Socket, to: Socket, direction: "requests" | "answers") => {
    const underWay: Buffer[] = [];
    let freeAt = 0;
    from.on("data", (chunk: Buffer) => {
      if (state.kind === "stalled" || (state.kind === "deaf" && direction === "answers")) return;
      const delay = state.kind === "slow" ? state[direction] : 0;
      const now = performance.now();
      freeAt = Math.max(freeAt, now + delay);
      if (freeAt <= now && underWay.length === 0) {
        to.write(chunk);
        return;
      }
      // Timers may be late: whichever fires first brings what was sent first.
      underWay.push(chunk);
      setTimeout(() => {
        const first = underWay.shift();
        if (first && !to.destroyed) to.write(first);
      }, freeAt - now);
    });
  };

  const server = createServer((near) => {
    if (state.kind === "cut") return near.destroy();
    if (state.kind === "loading") {
      hold(near, () => {});
      const count = createCommandCounter();
      near.on("data", (chunk) => near.write(loadingReply.repeat(count(chunk))));
      return;
    }
    const far = connect(targetPort, "127.0.0.1");
    hold(near, () => far.destroy());
    hold(far, () => near.destroy());
    pass(near, far, "requests");
    pass(far, near, "answers");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    set(next) {
      if (lossy.has(state.kind) || abrupt.has(next.kind)) breakAll();
      state = next;
    },
    close() {
      server.close();
      breakAll();
    },
  };
}
