import { type Hold, readHold } from "./blocks.ts";
import { metadataTtl, sidecarTtl, type TaskStateContext } from "./context.ts";
import { dispatchGroup, keys } from "./keys.ts";
import { editFunction, marks, type RecordEdit } from "./record-edit.ts";
import { defineScript } from "./script.ts";
import { patchSidecar, type SidecarPatch } from "./sidecar.ts";
import { makeView, type View } from "./view.ts";
import { ensureGroup, isWithoutGroup, type WorkEntry } from "./work-queue.ts";

/** A task whose lease was taken, with what the scheduler's blocks say about it. */
export interface Claim {
  readonly entry: WorkEntry;
  readonly view: View;
  /** Why it must not be submitted now. */
  readonly hold: Hold | undefined;
  /** When the change that was to begin fresh tasks was made, as records tell the time; `undefined`: it was not made. */
  readonly begunAt: string | undefined;
  /** When the claim was asked for, by `performance.now()`; the lease counts from no earlier time. */
  readonly askedAt: number;
}

export interface ClaimOptions {
  /** Who takes the leases, and for how long, in ms. */
  readonly holder: string;
  readonly leaseMs: number;
  /**
   * Made in the same step to each task that is fresh: nobody has touched it since it was submitted, and nothing holds it
   * back. Saves such tasks, which are most of them, a commit of their own.
   */
  readonly begin?: Begin | undefined;
}

/** A change that can be made to a fresh task without having seen it, see `createExpress`. */
export interface Begin {
  readonly edit: RecordEdit;
  readonly patch: SidecarPatch;
  /** When the fate may be judged, in ms from the claim on. */
  readonly checkAfter: number;
}

/*
 * Takes the lease of each task that nobody is at work on, reads it, and begins it where it is fresh.
 * A task whose lease another dispatcher holds gets a new revision instead, so that this other one, who cannot commit
 * against the old revision any more, looks again before it lets go; the entry has then done its duty. So has the entry
 * of a task of which nothing is left. Only an entry that was taken over stays pending: it may be the very one that this
 * other dispatcher held when it died, and then nothing else would bring the task back.
 * keys   work, deleted, paused, blocksAll
 * args   group, holder, leaseMs, recordPrefix, metadataSuffix, sidecarPrefix, blocksPrefix, ttl, metadataTtl, sidecarTtl
 *        (seconds); of the change that begins a fresh task: from, to ('' for none), tail, nextTail, checkAfter (ms), patch
 *        (sidecar fields and values as a JSON list); then entry id and task id of each
 * reply  { Redis time in ms, pause or false, blocks of all or false,
 *          per task: false · { record or false, sidecar as a flat list, deleted 0|1, blocks of its user or false, begun 0|1 } }
 */
const claimOne = {
  keys: ["work", "deleted", "paused", "blocksAll"],
  args: [
    "group",
    "holder",
    "leaseMs",
    "recordPrefix",
    "metadataSuffix",
    "sidecarPrefix",
    "blocksPrefix",
    "ttl",
    "metadataTtl",
    "sidecarTtl",
    "from",
    "to",
    "tail",
    "nextTail",
    "checkAfter",
    "patch",
  ],
  lua: `${editFunction}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function from_now(ms) return string.format('%.0f', now + ms) end
local reply = { from_now(0), redis.call('GET', paused), redis.call('GET', blocksAll) }

local function holds(block)
  if not block then return false end
  local valid, value = pcall(cjson.decode, block)
  if not valid or type(value) ~= 'table' then return false end
  return value.blocked == true or type(value.blocked_users) == 'table' and next(value.blocked_users) ~= nil
end
local may_begin = to ~= '' and not reply[2] and not holds(reply[3])
local fields = may_begin and cjson.decode(patch)

-- Whoever has done anything with a task since its submission has left a field that is not among these.
local at_first = { service = true, user = true, phase = true, rev = true, place = true, trace = true }
local function claim(entry, id)
  local record, sidecar = recordPrefix .. id, sidecarPrefix .. id
  local flat = redis.call('HGETALL', sidecar)
  local known, fresh = {}, may_begin
  for field = 1, #flat, 2 do
    known[flat[field]] = flat[field + 1]
    fresh = fresh and at_first[flat[field]]
  end
  if known.leaseUntil and tonumber(known.leaseUntil) > now then
    redis.call('HINCRBY', sidecar, 'rev', 1)
    local pending = redis.call('XPENDING', work, group, entry, entry, 1)[1]
    if pending and pending[4] == 1 then redis.call('XACK', work, group, entry) end
    return false
  end
  if #flat == 0 then
    redis.call('XACK', work, group, entry)
    return false
  end
  local raw = redis.call('GET', record)
  local gone = redis.call('ZSCORE', deleted, id)
  local blocks = redis.call('GET', blocksPrefix .. (known.user or ''))
  local next_raw = fresh and known.phase == 'queued' and raw and not gone and not holds(blocks)
    and edit(raw, from, to, tail, nextTail)
  local rev = string.format('%.0f', (known.rev or 0) + 1)
  if next_raw then
    redis.call('SET', record, next_raw, 'EX', ttl)
    redis.call('EXPIRE', record .. metadataSuffix, metadataTtl)
    redis.call('HSET', sidecar, 'rev', rev, 'lease', holder, 'leaseUntil', from_now(leaseMs), 'checkAt', from_now(checkAfter),
      unpack(fields))
    redis.call('EXPIRE', sidecar, sidecarTtl)
  else
    redis.call('HSET', sidecar, 'rev', rev, 'lease', holder, 'leaseUntil', from_now(leaseMs))
  end
  return { next_raw or raw, flat, gone and 1 or 0, blocks, next_raw and 1 or 0 }
end`,
} as const;

const claimScript = defineScript({
  name: "claim",
  ...claimOne,
  lua: `${claimOne.lua}
for index = first, #ARGV, 2 do reply[#reply + 1] = claim(ARGV[index], ARGV[index + 1]) end
return reply`,
});

/*
 * Reads new entries for a consumer and claims their tasks.
 * args   also: count, but no entries
 * reply  as above, but per entry: { entry id, its fields, claim }
 */
const takeScript = defineScript({
  name: "take",
  atOnce: true,
  ...claimOne,
  args: [...claimOne.args, "count"],
  lua: `${claimOne.lua}
local read = redis.call('XREADGROUP', 'GROUP', group, holder, 'COUNT', count, 'STREAMS', work, '>')
for _, entry in ipairs(read and read[1][2] or {}) do
  local id = entry[2] and entry[2][1] == 'id' and string.match(entry[2][2], '^%d+$')
  reply[#reply + 1] = { entry[1], id, id and claim(entry[1], id) }
end
return reply`,
});

/** Takes leases; entries whose task needs nothing from this dispatcher are acknowledged and left out. */
export async function claim(
  context: TaskStateContext,
  entries: readonly WorkEntry[],
  options: ClaimOptions,
): Promise<Claim[]> {
  const wanted = entries.flatMap((entry) => (entry.taskId === undefined ? [] : [{ entry, id: entry.taskId }]));
  if (wanted.length === 0) return [];
  const reader = createReader(context, options);
  const reply = await claimScript(
    context.primary,
    claimKeys,
    reader.args,
    wanted.flatMap(({ entry, id }) => [entry.entryId, id]),
  );
  const [head, claims] = split<ClaimReply>(reply);
  return wanted.flatMap(({ entry, id }, index) => reader.read(head, entry, id, claims[index]));
}

/** New entries that a consumer was given, with what it has claimed of them. */
export interface Taking {
  readonly entries: readonly WorkEntry[];
  readonly claims: readonly Claim[];
}

/** Reads up to `count` new entries and claims their tasks, in one step; does not wait for any. */
export async function take(context: TaskStateContext, count: number, options: ClaimOptions): Promise<Taking> {
  const reader = createReader(context, options);
  const run = () => takeScript(context.primary, claimKeys, { ...reader.args, count });
  const [head, taken] = split<[entryId: string, id: string | null, claim: ClaimReply]>(
    await run().catch(async (error) => {
      if (!isWithoutGroup(error)) throw error;
      await ensureGroup(context.primary);
      return run();
    }),
  );
  const entries = taken.map(([entryId, id]) => ({ entryId, taskId: id ?? undefined }));
  const claims = taken.flatMap(([entryId, id, found]) =>
    id === null ? [] : reader.read(head, { entryId, taskId: id }, id, found),
  );
  return { entries, claims };
}

type Head = readonly [now: string, paused: string | null, blocksAll: string | null];
type ClaimReply =
  | null
  | [raw: string | null, sidecar: string[], deleted: number, blocksUser: string | null, begun: number];

const claimKeys = { work: keys.work, deleted: keys.deleted, paused: keys.paused, blocksAll: keys.blocksAll };

function split<Item>(reply: unknown): [Head, Item[]] {
  const [now, paused, blocksAll, ...items] = reply as [...Head, ...Item[]];
  return [[now, paused, blocksAll], items];
}

/** What both scripts are told, and how to read what they tell of a task. */
function createReader(context: TaskStateContext, { holder, leaseMs, begin }: ClaimOptions) {
  const askedAt = performance.now();
  const { edit, patch = {}, checkAfter = 0 } = begin ?? {};
  const begunAt = begin ? context.clock() : "";
  const args = {
    group: dispatchGroup,
    holder,
    leaseMs,
    recordPrefix: keys.record(""),
    metadataSuffix: keys.metadata("").slice(keys.record("").length),
    sidecarPrefix: keys.sidecar(""),
    blocksPrefix: keys.blocksUser(""),
    ttl: context.ttlSeconds,
    metadataTtl: metadataTtl(context),
    sidecarTtl: sidecarTtl(context),
    from: edit?.from ?? "",
    to: edit?.to ?? "",
    tail: edit?.tail ?? "",
    nextTail: edit?.nextTail.replaceAll(marks[0], begunAt) ?? "",
    checkAfter,
    patch: JSON.stringify(Object.entries(patch).flatMap(([field, value]) => [field, String(value)])),
  };
  const read = (
    [time, paused, blocksAll]: Head,
    entry: WorkEntry,
    id: string,
    found: ClaimReply | undefined,
  ): Claim[] => {
    if (!found) return [];
    const [raw, flat, deleted, blocksUser, begun] = found;
    const now = Number(time);
    const view = makeView(context, { id, now, raw, sidecar: flat, deleted: deleted === 1 });
    const lease: SidecarPatch = { lease: holder, leaseUntil: now + leaseMs };
    const made = begun === 1 ? { ...patch, checkAt: now + checkAfter, ...lease } : lease;
    const sidecar = view.sidecar && patchSidecar(view.sidecar, made);
    const hold = readHold(sidecar?.user ?? "", paused, blocksAll, blocksUser);
    return [{ entry, view: { ...view, sidecar }, hold, begunAt: begun === 1 ? begunAt : undefined, askedAt }];
  };
  return { args, read };
}
