import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../../logger.ts";

/** What a connection had taken when it was last seen to take something. */
interface Progress {
  readonly bytes: number;
  readonly at: number;
}

/** Looks in the time after which a reader counts as stalled. */
const looks = 6;

/** Closes connections whose client takes nothing of its answer for `stalledMs`, whatever else it sends meanwhile. */
export function closeStalledReaders(server: Server, stalledMs: number, log: Logger): void {
  const open = new Map<Socket, Progress | undefined>();
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    const now = performance.now();
    for (const [socket, before] of open) {
      const unsent = socket.writableLength;
      const bytes = unsent === 0 ? 0 : socket.bytesWritten - unsent;
      if (unsent === 0) open.set(socket, undefined);
      else if (before?.bytes !== bytes) open.set(socket, { bytes, at: now });
      else if (now - before.at >= stalledMs) {
        log.warn({ unsent }, "A client has stopped reading its answer; its connection is closed");
        socket.destroy();
      }
    }
  };
  server.on("connection", (socket: Socket) => {
    open.set(socket, undefined);
    timer ??= setInterval(look, stalledMs / looks).unref();
    socket.once("close", () => {
      open.delete(socket);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  });
}
