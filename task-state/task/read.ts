import { changeRecord, hasEnded, type Owner, rewritable, type TaskRecord } from "../record/record.ts";
import { notUtf8, readRecord, unreadable } from "../record/record-reader.ts";
import { shownRecord, shownText } from "../record/shown-record.ts";
import { isGarbled, mayBeGarbled } from "../redis/record-text.ts";
import type { TaskStateContext } from "./context.ts";
import { refuseUnreadable } from "./quarantine.ts";

/** The log entry of a requested cancellation. */
export const cancellationRequested = "Cancellation requested";

/**
 * Reads the JSON of a task that readers may see, see {@link shownText}; `undefined` when there is none, or none for this owner.
 * Always reads from the primary: a lagging replica would show a deleted task, or a cancelled one as running.
 * @throws TaskStateError `unreadable` when the record cannot be read and sidecar or metadata name this owner
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
  const parsed =
    mayBeGarbled(raw) && (await isGarbled(context.primary, id)) ? unreadable(notUtf8) : readRecord(id, raw);
  if (parsed.kind === "unreadable") return refuse(parsed.reason);
  const { record } = parsed;
  if (owner && !belongsTo(record, owner)) return undefined;
  return second === undefined ? shownText(record, raw) : withDeferredCancel(record, raw, second);
}

/** True when the record names this owner. */
export function belongsTo(record: TaskRecord, owner: Owner): boolean {
  return record.service === owner.service && record.user_id === owner.user;
}

/**
 * The record as readers see it while a cancellation waits for the submission's end. The stored record does not change, because
 * the scheduler revives a task that it finds in `cancel_requested` when the submission arrives.
 */
export function withDeferredCancel(record: TaskRecord, raw: string, since: string): string {
  if (hasEnded(record) || record.status === "cancel_requested") return shownText(record, raw);
  const shown = changeRecord(
    rewritable(record, raw),
    { status: "cancel_requested", datedLogs: [`${since},${cancellationRequested}`] },
    since,
  );
  return JSON.stringify(shownRecord(shown));
}
