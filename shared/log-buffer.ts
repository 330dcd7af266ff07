/** Lines that wait to be written, up to a limit in bytes. */
export interface LogBuffer {
  /** Bytes that wait. */
  size(): number;
  /** Adds a line, or drops and counts it. Once a line is dropped, so are all others until the buffer is empty: the gap is one. */
  add(line: string): void;
  /** The next bytes to write; the same ones until they are taken. */
  next(): Uint8Array;
  /** Removes written bytes from the front. @returns how many of the next bytes are left */
  take(bytes: number): number;
  /** The number of lines dropped since the last call; 0 until the buffer is empty. */
  takeDropped(): number;
}

/** Creates an empty buffer. */
export function createLogBuffer(maxBytes: number): LogBuffer {
  let lines: string[] = [];
  /** What is left of the lines before `lines`. */
  let chunk: Uint8Array = new Uint8Array();
  let size = 0;
  let dropped = 0;
  return {
    size: () => size,
    add(line) {
      const bytes = Buffer.byteLength(line);
      if (dropped > 0 || size + bytes > maxBytes) {
        dropped += 1;
        return;
      }
      lines.push(line);
      size += bytes;
    },
    next() {
      if (chunk.length === 0) {
        chunk = Buffer.from(lines.join(""));
        lines = [];
      }
      return chunk;
    },
    take(bytes) {
      chunk = chunk.subarray(bytes);
      size -= bytes;
      return chunk.length;
    },
    takeDropped() {
      if (size > 0) return 0;
      const count = dropped;
      dropped = 0;
      return count;
    },
  };
}
