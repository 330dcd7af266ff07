import type { Socket } from "node:net";

const start = Buffer.from("HTTP/1.1 100");
const end = "\r\n\r\n";

/**
 * Has a socket pass over answers `100 Continue`, which RFC 9110, 15.2 allows a server at any time: the client breaks the
 * connection when it meets one, and the request's fate would be unknown. Only for a socket that carries one request at a
 * time, so that an answer begins where a read begins.
 */
export function skipContinue(socket: Socket): Socket {
  const read = socket.read.bind(socket);
  let kept: Buffer | undefined;
  socket.read = (size?: number) => {
    for (;;) {
      const chunk: Buffer | null = read(size);
      if (chunk === null) return null;
      const bytes = kept ? Buffer.concat([kept, chunk]) : chunk;
      kept = undefined;
      const rest = behindContinue(bytes);
      if (rest === undefined) kept = bytes;
      else if (rest.length > 0) return rest;
    }
  };
  return socket;
}

/** What follows the informational answers at the beginning; `undefined` while such an answer may not be complete. */
function behindContinue(bytes: Buffer): Buffer | undefined {
  let rest = bytes;
  while (rest.length > 0) {
    const common = Math.min(rest.length, start.length);
    if (rest.compare(start, 0, common, 0, common) !== 0) return rest;
    const over = rest.indexOf(end);
    if (common < start.length || over < 0) return undefined;
    rest = rest.subarray(over + end.length);
  }
  return rest;
}
