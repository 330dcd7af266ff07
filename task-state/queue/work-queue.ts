import type { Redis } from "ioredis";
import { dispatchGroup, keys, mayNameTask } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";

/** An entry of the work stream: "reconcile this task". It carries no state, and handling it twice is harmless. */
export interface WorkEntry {
  readonly entryId: string;
  /** `undefined` when the entry names no task. */
  readonly taskId: string | undefined;
}

/*
 * Moves due tasks to the work stream.
 * keys   due, work, added, clock
 * args   witness, limit
 * reply  { the number of tasks moved, ms until the next one or -1 }
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

/** Creates the stream and the dispatchers' group if they do not exist; the group also delivers earlier entries. */
export async function ensureGroup(redis: Redis): Promise<void> {
  try {
    await redis.xgroup("CREATE", keys.work, dispatchGroup, "0", "MKSTREAM");
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
  }
}

/** True for the error of a missing group; a blocked reader gets UNBLOCKED when its stream is deleted. */
export function isWithoutGroup(error: unknown): boolean {
  return error instanceof Error && /\b(NOGROUP|UNBLOCKED)\b/.test(error.message);
}

/**
 * Reads up to `count` new entries for this consumer; waits up to `blockMs` for the first one (0: does not wait).
 * A wait blocks the connection, so a waiting reader needs its own.
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

/** Moves up to `limit` due tasks to the work stream, and returns when the next one is due. */
export async function promoteDue(redis: Redis, limit: number): Promise<{ moved: number; nextMs: number | undefined }> {
  const [moved, nextMs] = (await promoteScript(
    redis,
    { due: keys.due, work: keys.work, added: keys.added, clock: keys.clock },
    { witness: witness(redis), limit },
  )) as [number, number];
  return { moved, nextMs: nextMs < 0 ? undefined : nextMs };
}

/** An entry as Redis returns it. */
export type RawEntry = [string, string[] | null];

/** Parses an entry; any content is accepted. */
export function parseEntry([entryId, fields]: RawEntry): WorkEntry {
  const [name, id] = fields ?? [];
  return { entryId, taskId: name === "id" && id !== undefined && mayNameTask(id) ? id : undefined };
}
