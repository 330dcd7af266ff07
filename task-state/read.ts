import type { Redis } from "ioredis";
import type { TaskStateContext } from "./context.ts";
import { keys } from "./keys.ts";
import { changeRecord, hasEnded, type Owner, rewritable, type TaskRecord } from "./record.ts";
import { maxRecordBytes, notUtf8, readRecord, unreadable } from "./record-reader.ts";
import { isGarbled, mayBeGarbled, recordTextFunction } from "./record-text.ts";
import { defineScript } from "./script.ts";
import { refuseUnreadable } from "./set-aside.ts";
import { createTaskBatch } from "./task-batch.ts";

/** The log entry of a cancellation as its owner asked for it. */
export const cancellationRequested = "Cancellation requested";

/*
 * Reads any number of tasks.
 * args   their ids
 * reply  per task: false where there is none to be seen · { the record } · { the record, time of a deferred cancellation }
 *        · { false, why it cannot be read }
 */
const readScript = defineScript({
  name: "read",
  keys: ["deleted", "deferredCancels"],
  args: [],
  lua: `${recordTextFunction}
local records = {}
for index, id in ipairs(ARGV) do records[index] = '${keys.record("")}' .. id end
local raws = redis.call('MGET', unpack(records))
local gone = redis.call('ZMSCORE', deleted, unpack(ARGV))
local since = redis.call('HMGET', deferredCancels, unpack(ARGV))
local replies = {}
for index, raw in ipairs(raws) do
  local fault
  -- MGET gives nothing where there is something else than a text.
  if not raw or #raw > ${maxRecordBytes} then raw, fault = record_text(records[index]) end
  replies[index] = not gone[index] and (raw and { raw, since[index] or nil } or fault and { false, fault }) or false
end
return replies`,
});

type Reading = readonly [raw: string, since?: string] | readonly [raw: null, fault: string] | null;

/** Reads what the script tells of a task. */
export type Reader = (id: string) => Promise<Reading>;

/** Gathers the reads of a process, so that many of them cost one command. */
export function createReader(primary: Redis): Reader {
  const { deleted, deferredCancels } = keys;
  const read = createTaskBatch<Reading>((ids) => readScript(primary, { deleted, deferredCancels }, {}, ids));
  return (id) => read([id]);
}

/**
 * The JSON of a task that its readers may see, as stored; `undefined` when there is none, or none for this owner.
 * Always asks the primary: a replica that lags would show a deleted task, or a cancelled one as running.
 * @throws TaskStateError `unreadable` when the record cannot be read and the owner is the one on file
 */
export async function readTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<string | undefined> {
  const reading = await context.read(id);
  const refuse = (reason: string) => refuseUnreadable(context, { id, reason }, owner).then(() => undefined);
  if (reading === null) return undefined;
  const [raw, second] = reading;
  if (raw === null) return refuse(second);
  const parsed = mayBeGarbled(raw) && (await isGarbled(context, id)) ? unreadable(notUtf8) : readRecord(id, raw);
  if (parsed.kind === "unreadable") return refuse(parsed.reason);
  const { record } = parsed;
  if (owner && !belongsTo(record, owner)) return undefined;
  return second === undefined ? raw : withDeferredCancel(record, raw, second);
}

/** True when the record names this owner. */
export function belongsTo(record: TaskRecord, owner: Owner): boolean {
  return record.service === owner.service && record.user_id === owner.user;
}

/**
 * The record as readers see it while a cancellation waits for the submission's end. The stored record stays as it is,
 * because the scheduler revives a task that it finds in `cancel_requested` when the submission arrives.
 */
export function withDeferredCancel(record: TaskRecord, raw: string, since: string): string {
  if (hasEnded(record) || record.status === "cancel_requested") return raw;
  const shown = changeRecord(
    rewritable(record, raw),
    { status: "cancel_requested", datedLogs: [`${since},${cancellationRequested}`] },
    since,
  );
  return JSON.stringify(shown);
}
