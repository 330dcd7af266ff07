import type { Status } from "./lifecycle.ts";
import { changeRecord, newRecordTail, type RecordChange, type TaskRecord } from "./record.ts";

/*
 * A record that nobody else has touched since its submission is a text that we know but for a few values. A script can
 * therefore change it as a text, in the very step in which it reads it, and without Redis's own JSON library, which turns
 * `[]` to `{}`. Whatever looks otherwise is left alone.
 */

/**
 * Lua: edit(raw, from, to, tail, nextTail) gives the changed text, or nil. No string before the status may hold a quote or a
 * backslash, and all braces behind `updated_at` are balanced, so that both can be nothing but members of the record itself.
 */
export const editFunction = String.raw`
local function edit(raw, from, to, tail, next_tail)
  local start = '^({"task_id":"%d+","service":"[^"\\]*","user_id":"[^"\\]*","status":")'
  local head, rest = string.match(raw, start .. from .. '(",.*)$')
  if not head or string.sub(rest, -#tail) ~= tail then return nil end
  local middle = string.match(string.sub(rest, 1, -#tail - 1), '^(.*,"updated_at":")[^"]*$')
  return middle and head .. to .. middle .. next_tail
end`;

/** What replaces what in a record's text. Both ends hold marks instead of times, see {@link marks}. */
export interface RecordEdit {
  readonly from: Status;
  readonly to: Status;
  /** The end of the text as it was, behind the value of `updated_at`. */
  readonly tail: string;
  /** The end of the text as it becomes, from that value on. */
  readonly nextTail: string;
}

/** What stands for the times of the first and the second change: no text of a record holds them otherwise. */
export const marks = [String.raw`\u0000`, String.raw`\u0001`] as const;

/** The edits that make two changes, one after the other, of any record that is as it was submitted. */
export function createEdits(first: RecordChange, second: RecordChange): readonly [RecordEdit, RecordEdit] {
  const submitted: TaskRecord = JSON.parse(`{${newRecordTail({ service: "", user: "" }, {}, "")}`);
  const [firstTime, secondTime] = ["\u0000", "\u0001"];
  const begun = changeRecord(submitted, first, firstTime);
  const finished = changeRecord(begun, second, secondTime);
  return [editBetween(submitted, begun), editBetween(begun, finished)];
}

function editBetween(before: TaskRecord, after: TaskRecord): RecordEdit {
  return {
    from: before.status,
    to: after.status,
    tail: endOf(before).slice(JSON.stringify(before.updated_at).length - 2),
    nextTail: endOf(after),
  };
}

/** A record's text from the value of `updated_at` on. */
function endOf(record: TaskRecord): string {
  const text = JSON.stringify(record);
  const start = `"updated_at":"`;
  return text.slice(text.indexOf(start) + start.length);
}
