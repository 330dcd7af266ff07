import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";

/** An entry of the work stream: "look at this task". It carries nothing else, and looking twice is harmless. */
export interface WorkEntry {
  readonly entryId: string;
  /** `undefined` when the entry is not one of ours. */
  readonly taskId: string | undefined;
}

/*
 * Moves tasks whose time has come to the work stream.
 * keys   due, work, added, clock
 * args   witness, limit
 * reply  { how many were moved, ms until the next one or -1 }
 */
const promoteScript = defineScript({
  name: "promote",
  keys: ["due", "work", "added", "clock"],
  args: ["witness", "limit"],
  lua: `${writeCheck}${clockFunction}
local now = tick_clock(clock, witness)
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)
if #ids > 0 then check_writes({ { 'ZREM', due }, { 'XADD', work }, { 'INCR', added }, { 'ZRANGE', due } }) end
for _, id in ipairs(ids) do
  redis.call('ZREM', due, id)
  redis.call('XADD', work, '*', 'id', id)
  redis.call('INCR', added)
end
local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { #ids, head[2] and math.max(0, math.ceil(head[2] - now)) or -1 }`,
});

/** Creates the stream and the dispatchers' group where they do not exist; entries from before the group are kept. */
export async function ensureGroup(redis: Redis): Promise<void> {
  try {
    await redis.xgroup("CREATE", keys.work, dispatchGroup, "0", "MKSTREAM");
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
  }
}

/** True for an error that says that there is no group; UNBLOCKED is what a reader is told whose stream goes away meanwhile. */
export function isWithoutGroup(error: unknown): boolean {
  return error instanceof Error && /\b(NOGROUP|UNBLOCKED)\b/.test(error.message);
}

/**
 * Reads up to `count` new entries for this consumer; waits up to `blockMs` for the first one (0: does not wait).
 * Waiting holds the connection, so a reader that waits needs one of its own.
 */
export async function readEntries(
  redis: Redis,
  { consumer, count, blockMs }: { consumer: string; count: number; blockMs: number },
): Promise<WorkEntry[]> {
  const read = () =>
    blockMs > 0
      ? redis.xreadgroup("GROUP", dispatchGroup, consumer, "COUNT", count, "BLOCK", blockMs, "STREAMS", keys.work, ">")
      : redis.xreadgroup("GROUP", dispatchGroup, consumer, "COUNT", count, "STREAMS", keys.work, ">");
  let reply: unknown;
  try {
    reply = await read();
  } catch (error) {
    if (!isWithoutGroup(error)) throw error;
    await ensureGroup(redis);
    reply = await read();
  }
  const streams = (reply ?? []) as [string, RawEntry[]][];
  return streams.flatMap(([, entries]) => entries.map(parseEntry));
}

/** Puts up to `limit` tasks whose time has come on the work stream; tells when the next one is due. */
export async function promoteDue(redis: Redis, limit: number): Promise<{ moved: number; nextMs: number | undefined }> {
  const [moved, nextMs] = (await promoteScript(
    redis,
    { due: keys.due, work: keys.work, added: keys.added, clock: keys.clock },
    { witness: witness(redis), limit },
  )) as [number, number];
  return { moved, nextMs: nextMs < 0 ? undefined : nextMs };
}

/** An entry as Redis gives it. */
export type RawEntry = [string, string[] | null];

/** Reads an entry; whatever it holds, it is an entry. */
export function parseEntry([entryId, fields]: RawEntry): WorkEntry {
  const [name, id] = fields ?? [];
  return { entryId, taskId: name === "id" && id !== undefined && /^\d+$/.test(id) ? id : undefined };
}
