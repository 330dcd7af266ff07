import { hasEnded, type TaskRecord } from "../record/record.ts";
import { notUtf8, readRecord, unreadable } from "../record/record-reader.ts";
import { keys } from "../redis/keys.ts";
import { isGarbled, mayBeGarbled, recordTextFunction, wrongType } from "../redis/record-text.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import type { TaskStateContext } from "./context.ts";
import { parseSidecar, type Sidecar, sidecarFault } from "./sidecar.ts";

/** A consistent view of a task on the primary: everything that a decision about it may use. */
export interface View {
  readonly id: string;
  /** The record as stored; `null` when there is none, or when it is no string or too large. */
  readonly raw: string | null;
  /** `undefined` when there is no record, or when it cannot be read. */
  readonly record: TaskRecord | undefined;
  readonly sidecar: Sidecar | undefined;
  /** Why record or sidecar cannot be read: then there is no `record`, and no dispatcher may act on the task. */
  readonly unreadable?: string | undefined;
  /** True when a delete was requested: no reader may see the task. */
  readonly deleted: boolean;
  /** Redis time in ms, the base of due times. */
  readonly now: number;
  /** Watched time in ms, the base of leases and of the grace, see `clockFunction`. */
  readonly watched: number;
}

/**
 * Lua: read_view(clock, witness, record, sidecar, deleted, id) returns { now, watched (ms), record or false, sidecar as a flat
 * list, deleted 0|1, why one of the two cannot be read or false }. Needs `clockFunction` before it.
 */
export const viewFunction = `${recordTextFunction}
local function read_view(clock, witness, record, sidecar, deleted, id)
  local now, watched = read_clock(clock, witness)
  local raw, fault = record_text(record)
  local flat = redis.pcall('HGETALL', sidecar)
  if flat.err then
    if not string.find(flat.err, 'WRONGTYPE', 1, true) then redis.call('HGETALL', sidecar) end
    flat, fault = {}, fault or "${wrongType.sidecar}"
  end
  return {
    string.format('%.0f', now),
    string.format('%.0f', watched),
    raw,
    flat,
    redis.call('ZSCORE', deleted, id) and 1 or 0,
    fault or false,
  }
end`;

/** The reply of `read_view`. */
export type ViewReply = readonly [
  now: string,
  watched: string,
  raw: string | null,
  sidecar: string[],
  deleted: number,
  fault: string | null,
];

const viewScript = defineScript({
  name: "read-view",
  keys: ["clock", "record", "sidecar", "deleted"],
  args: ["witness", "id"],
  lua: `${clockFunction}${viewFunction}
return read_view(clock, witness, record, sidecar, deleted, id)`,
});

/** Reads record and sidecar of a task in one step. */
export async function readView(context: TaskStateContext, id: string): Promise<View> {
  const reply = await viewScript(
    context.primary,
    { clock: keys.clock, record: keys.record(id), sidecar: keys.sidecar(id), deleted: keys.deleted },
    { witness: witness(context.primary), id },
  );
  const [now, watched, raw, sidecar, deleted, fault] = reply as ViewReply;
  const garbled = raw !== null && fault === null && mayBeGarbled(raw) && (await isGarbled(context.primary, id));
  return viewOf(context, id, [now, watched, raw, sidecar, deleted, garbled ? notUtf8 : fault]);
}

/** Builds the view from the reply of `read_view`. */
export function viewOf(
  context: TaskStateContext,
  id: string,
  [now, watched, raw, flat, deleted, fault]: ViewReply,
): View {
  const parsed = parseSidecar(flat);
  const invalid = parsed && sidecarFault(parsed);
  const sidecar = invalid === undefined ? parsed : undefined;
  const times = { now: Number(now), watched: Number(watched) };
  return makeView(context, { id, ...times, raw, sidecar, deleted: deleted === 1, fault: fault ?? invalid });
}

interface ViewParts {
  id: string;
  now: number;
  watched: number;
  raw: string | null;
  sidecar: Sidecar | undefined;
  deleted: boolean;
  /** Why the task cannot be read, if already known. */
  fault?: string | null | undefined;
}

/** Builds a view from the values that a script read; reports a record that cannot be read. */
export function makeView(
  context: TaskStateContext,
  { id, now, watched, raw, sidecar, deleted, fault }: ViewParts,
): View {
  const view = { id, raw, sidecar, deleted, now, watched, record: undefined };
  const reading = fault ? unreadable(fault) : raw === null ? undefined : readRecord(id, raw);
  if (reading === undefined) return view;
  if (reading.kind === "record") return { ...view, record: reading.record };
  context.onUnreadable(id, reading.reason);
  return { ...view, unreadable: reading.reason };
}

/** True when the record shows that the task ended. */
export function isOver(view: View): boolean {
  return view.record !== undefined && hasEnded(view.record);
}
