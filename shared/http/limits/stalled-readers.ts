import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../../logger.ts";

/** Bytes that a client had read, and when they last increased. */
interface Progress {
  readonly bytes: number;
  readonly at: number;
}

/** Checks of each connection within the time after which its reader counts as stalled. */
const checksPerTimeout = 6;

/** Closes connections whose client reads nothing of its answer for `stalledMs`, even if it sends requests. */
export function closeStalledReaders(server: Server, stalledMs: number, log: Logger): void {
  const open = new Map<Socket, Progress | undefined>();
  let timer: NodeJS.Timeout | undefined;

  const check = () => {
    const now = performance.now();
    for (const [socket, before] of open) {
      const unsent = socket.writableLength;
      const bytes = unsent === 0 ? 0 : socket.bytesWritten - unsent;
      if (unsent === 0) open.set(socket, undefined);
      else if (before?.bytes !== bytes) open.set(socket, { bytes, at: now });
      else if (now - before.at >= stalledMs) {
        log.warn({ unsent }, "closed a connection whose client stopped reading its answer");
        socket.destroy();
      }
    }
  };
  server.on("connection", (socket: Socket) => {
    open.set(socket, undefined);
    timer ??= setInterval(check, stalledMs / checksPerTimeout).unref();
    socket.once("close", () => {
      open.delete(socket);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  });
}
