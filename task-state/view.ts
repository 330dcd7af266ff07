import type { TaskStateContext } from "./context.ts";
import { keys } from "./keys.ts";
import { hasEnded, parseRecord, type TaskRecord } from "./record.ts";
import { clockFunction, witness } from "./redis-clock.ts";
import { defineScript } from "./script.ts";
import { parseSidecar, type Sidecar } from "./sidecar.ts";

/** One consistent sight of a task on the primary: everything that a decision about it may use. */
export interface View {
  readonly id: string;
  /** The record as stored; `null` when there is none. */
  readonly raw: string | null;
  /** `undefined` when there is no record, or none that can be read. */
  readonly record: TaskRecord | undefined;
  readonly sidecar: Sidecar | undefined;
  /** True when a delete was asked for: no reader may see the task. */
  readonly deleted: boolean;
  /** Redis time in ms, by which due times are told. */
  readonly now: number;
  /** Watched time in ms, by which leases and the grace are told, see `clockFunction`. */
  readonly watched: number;
}

/**
 * Lua: look(clock, witness, record, sidecar, deleted, id) gives { now, watched (ms), record or false, sidecar as a flat list,
 * deleted 0|1 }. Needs `clockFunction` before it.
 */
export const lookFunction = `
local function look(clock, witness, record, sidecar, deleted, id)
  local now, watched = read_clock(clock, witness)
  return {
    string.format('%.0f', now),
    string.format('%.0f', watched),
    redis.call('GET', record),
    redis.call('HGETALL', sidecar),
    redis.call('ZSCORE', deleted, id) and 1 or 0,
  }
end`;

/** What it gives. */
export type Sight = readonly [now: string, watched: string, raw: string | null, sidecar: string[], deleted: number];

const lookScript = defineScript({
  name: "look",
  keys: ["clock", "record", "sidecar", "deleted"],
  args: ["witness", "id"],
  lua: `${clockFunction}${lookFunction}
return look(clock, witness, record, sidecar, deleted, id)`,
});

/** Reads record and sidecar in one step. */
export async function look(context: TaskStateContext, id: string): Promise<View> {
  const reply = await lookScript(
    context.primary,
    { clock: keys.clock, record: keys.record(id), sidecar: keys.sidecar(id), deleted: keys.deleted },
    { witness: witness(), id },
  );
  return viewOf(context, id, reply as Sight);
}

/** The view that a script's look gives. */
export function viewOf(context: TaskStateContext, id: string, [now, watched, raw, sidecar, deleted]: Sight): View {
  const times = { now: Number(now), watched: Number(watched) };
  return makeView(context, { id, ...times, raw, sidecar: parseSidecar(sidecar), deleted: deleted === 1 });
}

interface ViewParts {
  id: string;
  now: number;
  watched: number;
  raw: string | null;
  sidecar: Sidecar | undefined;
  deleted: boolean;
}

/** Builds a view from what a script read; tells of a record that cannot be read. */
export function makeView(context: TaskStateContext, { id, now, watched, raw, sidecar, deleted }: ViewParts): View {
  const record = raw === null ? undefined : parseRecord(raw);
  if (raw !== null && record === undefined) context.onUnreadable(id);
  return { id, raw, record, sidecar, deleted, now, watched };
}

/** True when a task has ended as far as its record tells. */
export function isOver(view: View): boolean {
  return view.record !== undefined && hasEnded(view.record);
}
