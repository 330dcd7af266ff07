import type { TaskStateContext } from "./context.ts";
import { keys } from "./keys.ts";
import { hasEnded, parseRecord, type TaskRecord } from "./record.ts";
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
  /** Redis time in ms. */
  readonly now: number;
}

/** Lua: look(record, sidecar, deleted, id) gives { Redis time in ms, record or false, sidecar as a flat list, deleted 0|1 }. */
export const lookFunction = `
local function look(record, sidecar, deleted, id)
  local time = redis.call('TIME')
  return {
    string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)),
    redis.call('GET', record),
    redis.call('HGETALL', sidecar),
    redis.call('ZSCORE', deleted, id) and 1 or 0,
  }
end`;

/** What it gives. */
export type Sight = readonly [now: string, raw: string | null, sidecar: string[], deleted: number];

const lookScript = defineScript({
  name: "look",
  keys: ["record", "sidecar", "deleted"],
  args: ["id"],
  lua: `${lookFunction}
return look(record, sidecar, deleted, id)`,
});

/** Reads record and sidecar in one step. */
export async function look(context: TaskStateContext, id: string): Promise<View> {
  const reply = await lookScript(
    context.primary,
    { record: keys.record(id), sidecar: keys.sidecar(id), deleted: keys.deleted },
    { id },
  );
  return viewOf(context, id, reply as Sight);
}

/** The view that a script's look gives. */
export function viewOf(context: TaskStateContext, id: string, [now, raw, sidecar, deleted]: Sight): View {
  return makeView(context, { id, now: Number(now), raw, sidecar: parseSidecar(sidecar), deleted: deleted === 1 });
}

interface ViewParts {
  id: string;
  now: number;
  raw: string | null;
  sidecar: Sidecar | undefined;
  deleted: boolean;
}

/** Builds a view from what a script read; tells of a record that cannot be read. */
export function makeView(context: TaskStateContext, { id, now, raw, sidecar, deleted }: ViewParts): View {
  const record = raw === null ? undefined : parseRecord(raw);
  if (raw !== null && record === undefined) context.onUnreadable(id);
  return { id, raw, record, sidecar, deleted, now };
}

/** True when a task has ended as far as its record tells. */
export function isOver(view: View): boolean {
  return view.record !== undefined && hasEnded(view.record);
}
