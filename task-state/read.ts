import type { TaskStateContext } from "./context.ts";
import { keys } from "./keys.ts";
import { isStatus } from "./lifecycle.ts";
import { changeRecord, hasEnded, type Owner, parseRecord, rewritable, type TaskRecord } from "./record.ts";
import { defineScript } from "./script.ts";

/** The log entry of a cancellation as its owner asked for it. */
export const cancellationRequested = "Cancellation requested";

/*
 * keys   record, deleted, deferredCancels
 * reply  nothing · the record · { the record, time of a deferred cancellation }
 */
const readScript = defineScript({
  name: "read",
  keys: ["record", "deleted", "deferredCancels"],
  args: ["id"],
  lua: `
local raw = redis.call('GET', record)
if not raw or redis.call('ZSCORE', deleted, id) then return false end
local since = redis.call('HGET', deferredCancels, id)
return since and { raw, since } or raw`,
});

/**
 * The JSON of a task that its readers may see, as stored; `undefined` when there is none, or none for this owner.
 * Always asks the primary: a replica that lags would show a deleted task, or a cancelled one as running.
 */
export async function readTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<string | undefined> {
  const reply = (await readScript(
    context.primary,
    { record: keys.record(id), deleted: keys.deleted, deferredCancels: keys.deferredCancels },
    { id },
  )) as null | string | [string, string];
  if (reply === null) return undefined;
  const [raw, since] = typeof reply === "string" ? [reply, undefined] : reply;
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
