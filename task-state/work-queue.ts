import type { Redis } from "ioredis";
import { type Hold, readHold } from "./blocks.ts";
import type { TaskStateContext } from "./context.ts";
import { dispatchGroup, keys } from "./keys.ts";
import { defineScript } from "./script.ts";
import { makeView, type View } from "./view.ts";

/** An entry of the work stream: "look at this task". It carries nothing else, and looking twice is harmless. */
export interface WorkEntry {
  readonly entryId: string;
  /** `undefined` when the entry is not one of ours. */
  readonly taskId: string | undefined;
}

/** A task whose lease was taken, with what the scheduler's blocks say about it. */
export interface Claim {
  readonly entry: WorkEntry;
  readonly view: View;
  /** Why it must not be submitted now. */
  readonly hold: Hold | undefined;
}

/*
 * Takes the lease of each task that nobody is at work on, and reads it.
 * A task whose lease another dispatcher holds gets a new revision instead, so that this other one, who cannot commit
 * against the old revision any more, looks again before it lets go; the entry has then done its duty. So has the entry
 * of a task of which nothing is left. Only an entry that was taken over stays pending: it may be the very one that this
 * other dispatcher held when it died, and then nothing else would bring the task back.
 * keys   work, deleted, paused, blocksAll
 * args   group, holder, leaseMs, recordPrefix, sidecarPrefix, blocksPrefix, then entry id and task id of each
 * reply  { Redis time in ms, pause or false, blocks of all or false,
 *          per task: false · { record or false, sidecar as a flat list, deleted 0|1, blocks of its user or false } }
 */
const claimScript = defineScript({
  name: "claim",
  keys: ["work", "deleted", "paused", "blocksAll"],
  args: ["group", "holder", "leaseMs", "recordPrefix", "sidecarPrefix", "blocksPrefix"],
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { string.format('%.0f', now), redis.call('GET', paused), redis.call('GET', blocksAll) }
for index = first, #ARGV, 2 do
  local entry, id = ARGV[index], ARGV[index + 1]
  local sidecar = sidecarPrefix .. id
  local held = redis.call('HGET', sidecar, 'leaseUntil')
  local claim = false
  if held and tonumber(held) > now then
    redis.call('HINCRBY', sidecar, 'rev', 1)
    local pending = redis.call('XPENDING', work, group, entry, entry, 1)[1]
    if pending and pending[4] == 1 then redis.call('XACK', work, group, entry) end
  else
    local raw = redis.call('GET', recordPrefix .. id)
    if redis.call('EXISTS', sidecar) == 1 then
      redis.call('HINCRBY', sidecar, 'rev', 1)
      redis.call('HSET', sidecar, 'lease', holder, 'leaseUntil', string.format('%.0f', now + leaseMs))
      claim = {
        raw,
        redis.call('HGETALL', sidecar),
        redis.call('ZSCORE', deleted, id) and 1 or 0,
        redis.call('GET', blocksPrefix .. (redis.call('HGET', sidecar, 'user') or '')),
      }
    else
      redis.call('XACK', work, group, entry)
    end
  end
  reply[#reply + 1] = claim
end
return reply`,
});

/*
 * Moves tasks whose time has come to the work stream.
 * keys   due, work, added
 * args   limit
 * reply  { how many were moved, ms until the next one or -1 }
 */
const promoteScript = defineScript({
  name: "promote",
  keys: ["due", "work", "added"],
  args: ["limit"],
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)
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
    // UNBLOCKED is what a reader is told whose stream goes away while it waits.
    if (!(error instanceof Error && /^(NOGROUP|UNBLOCKED)/.test(error.message))) throw error;
    await ensureGroup(redis);
    reply = await read();
  }
  const streams = (reply ?? []) as [string, RawEntry[]][];
  return streams.flatMap(([, entries]) => entries.map(parseEntry));
}

/** Takes over up to `count` entries that their consumers have not acknowledged for `idleMs`. */
export async function takeOverEntries(
  redis: Redis,
  { consumer, count, idleMs }: { consumer: string; count: number; idleMs: number },
): Promise<WorkEntry[]> {
  await ensureGroup(redis);
  const reply = await redis.xautoclaim(keys.work, dispatchGroup, consumer, idleMs, "0", "COUNT", count);
  const [, entries] = reply as unknown as [string, RawEntry[]];
  return entries.map(parseEntry);
}

/** Takes leases for `leaseMs`; entries whose task needs nothing from this dispatcher are acknowledged and left out. */
export async function claim(
  context: TaskStateContext,
  entries: readonly WorkEntry[],
  holder: string,
  leaseMs: number,
): Promise<Claim[]> {
  const wanted = entries.flatMap((entry) => (entry.taskId === undefined ? [] : [{ entry, id: entry.taskId }]));
  if (wanted.length === 0) return [];
  const reply = await claimScript(
    context.primary,
    { work: keys.work, deleted: keys.deleted, paused: keys.paused, blocksAll: keys.blocksAll },
    {
      group: dispatchGroup,
      holder,
      leaseMs,
      recordPrefix: keys.record(""),
      sidecarPrefix: keys.sidecar(""),
      blocksPrefix: keys.blocksUser(""),
    },
    wanted.flatMap(({ entry, id }) => [entry.entryId, id]),
  );
  const [now, paused, blocksAll, ...claims] = reply as [string, string | null, string | null, ...ClaimReply[]];
  return wanted.flatMap(({ entry, id }, index) => {
    const found = claims[index];
    if (!found) return [];
    const [raw, sidecar, deleted, blocksUser] = found;
    const view = makeView(context, { id, now: Number(now), raw, sidecar, deleted: deleted === 1 });
    return [{ entry, view, hold: readHold(view.sidecar?.user ?? "", paused, blocksAll, blocksUser) }];
  });
}

type ClaimReply = null | [raw: string | null, sidecar: string[], deleted: number, blocksUser: string | null];

/** Puts up to `limit` tasks whose time has come on the work stream; tells when the next one is due. */
export async function promoteDue(redis: Redis, limit: number): Promise<{ moved: number; nextMs: number | undefined }> {
  const [moved, nextMs] = (await promoteScript(
    redis,
    { due: keys.due, work: keys.work, added: keys.added },
    { limit },
  )) as [number, number];
  return { moved, nextMs: nextMs < 0 ? undefined : nextMs };
}

type RawEntry = [string, string[] | null];

function parseEntry([entryId, fields]: RawEntry): WorkEntry {
  const [name, id] = fields ?? [];
  return { entryId, taskId: name === "id" && id !== undefined && /^\d+$/.test(id) ? id : undefined };
}
