import type { Socket } from "node:net";

/** Listens to what a connection brings before the HTTP client reads it. */
export interface AnswerTap {
  /** Listens to a new connection. It must carry one request at a time, so that an answer begins where a read begins. */
  listen(socket: Socket): Socket;
  /** A request is about to be written. */
  begin(): void;
  /** The status of its answer, as soon as the status line is there whole. */
  status(): number | undefined;
}

const statusLine = /^HTTP\/1\.\d ([1-5]\d\d)[^\r\n]*\r?\n/;
/** Longer than any status line. A line that is not complete by then is none. In bytes. */
const longestLine = 8 * 1024;
const headEnd = "\r\n\r\n";

/**
 * Makes a tap that does two things the client does not: it passes over answers `100 Continue`, which RFC 9110, 15.2 allows
 * a server at any time and at which the client breaks the connection; and it knows the status of an answer whose head
 * is cut off behind its first line.
 */
export function createAnswerTap(): AnswerTap {
  let awaited = false;
  let status: number | undefined;
  /** What may belong to an informational answer, and has not been passed on. */
  let kept: Buffer | undefined;
  /** The beginning of a line that has been passed on before it was complete. */
  let line = "";

  /** What the client is to read of these bytes; nothing while they may belong to an informational answer. */
  function filter(bytes: Buffer): Buffer | undefined {
    for (let rest = bytes; rest.length > 0; ) {
      const text = line + rest.toString("latin1", 0, longestLine);
      const [, code] = statusLine.exec(text) ?? [];
      if (code === "100") {
        const end = rest.indexOf(headEnd);
        if (end < 0) return undefined;
        rest = rest.subarray(end + headEnd.length);
      } else if (code === undefined && line === "" && mayContinue(text)) return undefined;
      else {
        note(code === undefined ? undefined : Number(code), text);
        return rest;
      }
    }
    return undefined;
  }

  function note(code: number | undefined, text: string): void {
    line = code === undefined ? text : "";
    // Behind other informational answers, which are the client's business, comes the one that counts.
    if (code !== undefined && code >= 200) status = code;
    awaited = status === undefined && text.length < longestLine && (code !== undefined || !text.includes("\n"));
  }

  return {
    begin() {
      awaited = true;
      status = undefined;
      kept = undefined;
      line = "";
    },
    status: () => status,
    listen(socket) {
      const read = socket.read.bind(socket);
      socket.read = (size?: number) => {
        for (;;) {
          const chunk: Buffer | null = read(size);
          if (chunk === null || !awaited) return chunk;
          const bytes = kept ? Buffer.concat([kept, chunk]) : chunk;
          kept = undefined;
          const rest = filter(bytes);
          if (rest) return rest;
          kept = bytes;
        }
      };
      return socket;
    },
  };
}

/** True for the beginning of a line that may yet be that of `100 Continue`. */
function mayContinue(text: string): boolean {
  const begun = "HTTP/1.1 100".startsWith(text.slice(0, 12));
  return begun && text.length < longestLine && !text.includes("\n");
}
