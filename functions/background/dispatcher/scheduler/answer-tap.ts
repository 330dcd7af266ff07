import type { Socket } from "node:net";

/** Inspects the bytes of a connection before the HTTP client reads them. */
export interface AnswerTap {
  /** Inspects a new connection. It must carry one request at a time, so that an answer begins where a read begins. */
  listen(socket: Socket): Socket;
  /** Call before a request is written. */
  begin(): void;
  /** The status of the answer, as soon as its status line is complete. */
  status(): number | undefined;
}

const statusLine = /^HTTP\/1\.\d ([1-5]\d\d)[^\r\n]*\r?\n/;
/** Longer than any status line, in bytes. A line that is still incomplete then is none. */
const longestLine = 8 * 1024;
/** Longer than the head of any informational answer, in bytes. */
const longestHead = 64 * 1024;
const headEnd = "\r\n\r\n";

/**
 * Creates a tap that does two things the client does not: it skips `100 Continue` answers, which RFC 9110, 15.2 allows at any
 * time and at which the client breaks the connection; and it reads the status of an answer that is cut off after its first
 * line.
 */
export function createAnswerTap(): AnswerTap {
  let awaited = false;
  let status: number | undefined;
  /** Bytes that may belong to an informational answer and are held back. */
  let kept: Buffer | undefined;
  /** What was passed on of an answer whose status is not known yet, without the informational ones before it. */
  let head = "";

  /** The part of these bytes for the client; `undefined` while they may belong to a `100 Continue`. */
  function filter(bytes: Buffer): Buffer | undefined {
    for (let rest = bytes; rest.length > 0; ) {
      const text = rest.toString("latin1", 0, longestHead);
      const [, code] = head === "" ? (statusLine.exec(text) ?? []) : [];
      if (code === "100") {
        const end = rest.indexOf(headEnd);
        if (end < 0) return undefined;
        rest = rest.subarray(end + headEnd.length);
      } else if (code === undefined && head === "" && mayContinue(text)) return undefined;
      else {
        note(text);
        return rest;
      }
    }
    return undefined;
  }

  /** After informational answers, which the client handles, comes the final one: perhaps in the same bytes, perhaps later. */
  function note(text: string): void {
    head += text;
    for (;;) {
      const [, code] = statusLine.exec(head) ?? [];
      if (code === undefined) {
        awaited = head.length < longestLine && !head.includes("\n");
        return;
      }
      if (Number(code) >= 200) {
        status = Number(code);
        awaited = false;
        return;
      }
      const end = head.indexOf(headEnd);
      if (end < 0) {
        awaited = head.length < longestHead;
        return;
      }
      head = head.slice(end + headEnd.length);
    }
  }

  return {
    begin() {
      awaited = true;
      status = undefined;
      kept = undefined;
      head = "";
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

/** True for text that may still become the status line of `100 Continue`. */
function mayContinue(text: string): boolean {
  const begun = "HTTP/1.1 100".startsWith(text.slice(0, 12));
  return begun && text.length < longestLine && !text.includes("\n");
}
