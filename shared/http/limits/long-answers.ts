import { Readable } from "node:stream";
import type { LongText } from "../answer.ts";

/** Sends texts in slices, so many at once. */
export interface LongAnswers {
  /** The text as a stream, which reads nothing ahead; `undefined` when as many are under way as there may be. */
  open(text: LongText): Readable | undefined;
}

/** A slice is written when the client has taken most of the ones before. In bytes. */
const sliceBytes = 16 * 1024;
/** After this time without taking anything, a reader gives way to a new one when there are too many. In ms. */
const yieldAfter = 1000;

/** Long answers of a server, at most so many at once. */
export function createLongAnswers(most: number): LongAnswers {
  /** The streams that are open, by when they were last read; the one that has waited longest comes first. */
  const readAt = new Map<Readable, number>();

  function makeRoom(): boolean {
    if (readAt.size < most) return true;
    const [longest] = readAt;
    if (!longest || performance.now() - longest[1] < yieldAfter) return false;
    readAt.delete(longest[0]);
    longest[0].destroy(new Error("its client has stopped reading, and another one needs its place"));
    return true;
  }

  return {
    open(text) {
      if (!makeRoom()) return undefined;
      const nextSlice = slicer(text);
      const stream = new Readable({
        // Nothing is read ahead: the next part is asked for when the connection has room.
        highWaterMark: 0,
        read() {
          readAt.delete(stream);
          readAt.set(stream, performance.now());
          nextSlice().then(
            (slice) => stream.push(slice),
            (error) => stream.destroy(error),
          );
        },
        destroy(error, done) {
          readAt.delete(stream);
          done(error);
        },
      });
      readAt.set(stream, performance.now());
      return stream;
    },
  };
}

/** Gives the next slice of a text, `null` behind its last one. */
function slicer({ first, next }: LongText): () => Promise<Buffer | null> {
  let part = Buffer.from(first);
  return async () => {
    while (part.length === 0) {
      const text = await next();
      if (text === undefined) return null;
      part = Buffer.from(text);
    }
    const slice = part.subarray(0, sliceBytes);
    part = part.subarray(sliceBytes);
    return slice;
  };
}
