import type { Redis } from "ioredis";
import type { TaskStateContext } from "./context.ts";
import { keys } from "./keys.ts";
import { isStatus } from "./lifecycle.ts";
import { changeRecord, hasEnded, type Owner, parseRecord, rewritable, type TaskRecord } from "./record.ts";
import { defineScript } from "./script.ts";
import { createTaskBatch } from "./task-batch.ts";

/** The log entry of a cancellation as its owner asked for it. */
export const cancellationRequested = "Cancellation requested";

/*
 * Reads any number of tasks.
 * args   their ids
 * reply  per task: false where there is none to be seen · { the record } · { the record, time of a deferred cancellation }
 */
const readScript = defineScript({
  name: "read",
  keys: ["deleted", "deferredCancels"],
  args: [],
  lua: `
local records = {}
for index, id in ipairs(ARGV) do records[index] = '${keys.record("")}' .. id end
local raws = redis.call('MGET', unpack(records))
local gone = redis.call('ZMSCORE', deleted, unpack(ARGV))
local since = redis.call('HMGET', deferredCancels, unpack(ARGV))
local replies = {}
for index, raw in ipairs(raws) do
  replies[index] = raw and not gone[index] and { raw, since[index] or nil }
end
return replies`,
});

type Reading = readonly [raw: string, since?: string] | null;

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
 */
export async function readTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<string | undefined> {
  const reading = await context.read(id);
  if (reading === null) return undefined;
  const [raw, since] = reading;
  if (since === undefined && owner && isPlainlyOf(raw, id, owner)) return raw;
  const record = parseRecord(raw);
  if (!record) {
    context.onUnreadable(id);
    return undefined;
  }
  if (owner && !belongsTo(record, owner)) return undefined;
  return since === undefined ? raw : withDeferredCancel(record, raw, since);
}

/**
 * True for a text that begins as records are written, with this id and owner. It need not be parsed then, which costs more
 * than the rest of the look; any other text may be right all the same.
 */
function isPlainlyOf(raw: string, id: string, { service, user }: Owner): boolean {
  const head = `{"task_id":"${id}","service":${JSON.stringify(service)},"user_id":${JSON.stringify(user)},"status":"`;
  return raw.startsWith(head) && isStatus(raw.slice(head.length, raw.indexOf('"', head.length))) && raw.endsWith("}");
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
