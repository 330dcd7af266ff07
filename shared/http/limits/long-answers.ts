import { Readable } from "node:stream";
import type { LongText } from "../answer.ts";

/** Sends long texts in slices, with limited concurrency. */
export interface LongAnswers {
  /** The text as a stream that does not read ahead; `undefined` when the limit of concurrent answers is reached. */
  open(text: LongText): Readable | undefined;
}

/** Size of a slice, which is written when the client has read most of the previous ones. In bytes. */
const sliceBytes = 16 * 1024;
/** A reader that reads nothing for this long is closed in favour of a new one when the limit is reached. In ms. */
const idleTimeout = 1000;

/** The long answers of a server, at most `concurrency` at a time. */
export function createLongAnswers(concurrency: number): LongAnswers {
  /** The time at which each open stream was last read, the oldest first. */
  const readAt = new Map<Readable, number>();

  function ensureCapacity(): boolean {
    if (readAt.size < concurrency) return true;
    const [oldest] = readAt;
    if (!oldest || performance.now() - oldest[1] < idleTimeout) return false;
    readAt.delete(oldest[0]);
    oldest[0].destroy(new Error("the client stopped reading and the limit of concurrent long answers is reached"));
    return true;
  }

  return {
    open(text) {
      if (!ensureCapacity()) return undefined;
      const nextSlice = slicer(text);
      const stream = new Readable({
        // Nothing is read ahead: the next part is read when the connection can take more.
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

/** Gives the next slice of a text, `null` after the last one. */
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
