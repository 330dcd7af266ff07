import type { Status } from "./lifecycle.ts";
import { changeRecord, newRecordTail, type RecordChange, type TaskRecord } from "./record.ts";
import { maxRecordBytes } from "./record-reader.ts";

/*
 * A record that nobody else has touched since its submission is a text that we know but for a few values. A script can
 * therefore change it as a text, in the very step in which it reads it, and without Redis's own JSON library, which turns
 * `[]` to `{}`. Whatever looks otherwise is left alone.
 */

/**
 * Lua: edit(raw, id, from, to, tail, next_tail) gives the changed text, or nil. It changes nothing but a text that every JSON
 * reader understands alike and as the record of this task: these members in this order, once each, none but strings in the
 * parameters, all of it valid JSON in UTF-8.
 */
export const editFunction = String.raw`
-- Nothing but printable ASCII without escapes: what is between two quotes is a string, as it stands there.
local function is_plain(text) return string.find(text, '^[ -~]*$') ~= nil and not string.find(text, '\\', 1, true) end
-- Escapes and characters beyond ASCII as '_', so that what is left of either is a fault.
local function folded(text)
  if string.find(text, '\\', 1, true) then
    text = string.gsub(string.gsub(text, '\\["\\/bfnrt]', '_'), '\\u%x%x%x%x', '_')
  end
  for _, valid in ipairs({
    '[\225-\236\238\239][\128-\191][\128-\191]', '[\194-\223][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
    '\224[\160-\191][\128-\191]', '\237[\128-\159][\128-\191]', '[\241-\243][\128-\191][\128-\191][\128-\191]',
    '\244[\128-\143][\128-\191][\128-\191]',
  }) do
    if not string.find(text, '[\128-\255]') then break end
    text = string.gsub(text, valid, '_')
  end
  return text
end
-- Between status and updated_at: parameters and created_at alone.
local function is_whole_middle(text)
  local _, at = string.find(text, ',"parameters":{', 1, true)
  if at ~= 15 then return false end
  local _, over = string.find(text, '^"[^"]*":"[^"]*"', at + 1)
  while over do
    at = over
    _, over = string.find(text, '^,"[^"]*":"[^"]*"', at + 1)
  end
  return string.find(text, '^},"created_at":"[^"]*","updated_at":"$', at + 1) ~= nil
end
local function edit(raw, id, from, to, tail, next_tail)
  local own = '{"task_id":"' .. id .. '",'
  if string.sub(raw, 1, #own) ~= own or string.sub(raw, -#tail) ~= tail or #raw > ${maxRecordBytes} then return nil end
  local head, rest = string.match(raw, '^("service":"[^"\\]*","user_id":"[^"\\]*","status":")' .. from .. '"(.*)$', #own + 1)
  if not head then return nil end
  local middle, time = string.match(string.sub(rest, 1, -#tail - 1), '^(.*,"updated_at":")([^"\\]*)$')
  if not middle then return nil end
  local text = middle
  if not is_plain(raw) then
    text = folded(middle)
    if not (is_plain(text) and is_plain(folded(head)) and is_plain(folded(time))) then return nil end
  end
  return is_whole_middle(text) and own .. head .. to .. '"' .. middle .. next_tail or nil
end`;

/**
 * Lua: splice(raw, from, to, tail, next_tail) gives what `edit` would, of a text that is known to be what `edit` has made: such a
 * text need not be checked a second time.
 */
export const spliceFunction = `
local function splice(raw, from, to, tail, next_tail)
  local head, rest = string.match(raw, '^({"task_id":"[^"]*","service":"[^"]*","user_id":"[^"]*","status":")' .. from .. '(.*)$')
  local middle = head and string.match(string.sub(rest, 1, -#tail - 1), '^(.*,"updated_at":")')
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
