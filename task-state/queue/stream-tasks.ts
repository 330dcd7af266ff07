import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";
import { trimAcknowledged } from "./acknowledgement.ts";
import { parseEntry, type RawEntry } from "./work-queue.ts";

/** Entries that one command reads. */
const pieceSize = 1000;
/** Most entries that are read: about 25 MB of ids. */
export const longestStream = 250_000;

/** The tasks that have entries on the work stream, read once and continued on demand. */
export interface StreamTasks {
  has(id: string): boolean;
  /**
   * Reads the entries that were added since the last call; at first the whole stream.
   * @returns false when the stream is longer than the limit: then `has` does not know all of them
   */
  readOn(signal?: AbortSignal): Promise<boolean>;
}

/**
 * Creates the set of the tasks on the stream. Entries are only added at the end, so a task that `readOn` did not find has no
 * entry that was added before that call.
 */
export function createStreamTasks(redis: Redis, limit = longestStream): StreamTasks {
  const ids = new Set<string>();
  let last: string | undefined;
  let entries = 0;
  return {
    has: (id) => ids.has(id),
    async readOn(signal) {
      // Acknowledged entries lead nobody to a task. A stopped dispatcher leaves those since its last trim.
      if (last === undefined) await trimAcknowledged(redis);
      while (entries <= limit && !signal?.aborted) {
        const from = last === undefined ? "-" : `(${last}`;
        const piece = (await redis.xrange(keys.work, from, "+", "COUNT", pieceSize)) as RawEntry[];
        for (const { entryId, taskId } of piece.map(parseEntry)) {
          last = entryId;
          if (taskId !== undefined) ids.add(taskId);
        }
        entries += piece.length;
        if (piece.length < pieceSize) return true;
      }
      return false;
    },
  };
}
