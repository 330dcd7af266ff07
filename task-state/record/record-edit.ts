import type { Status } from "./lifecycle.ts";
import { changeRecord, newRecordTail, type RecordChange, type TaskRecord } from "./record.ts";
import { maxRecordBytes } from "./record-reader.ts";

/*
 * A record without a change since its submission is a known text except for a few values. A script can therefore edit it as
 * text in the same step in which it reads it, and without Redis's own JSON library, which turns `[]` into `{}`. Any other text
 * stays unchanged.
 */

/**
 * Lua: edit(raw, id, from, to, tail, next_tail) returns the changed text, or nil. It changes only a text that every JSON parser
 * understands alike and as the record of this task: these members in this order, once each, only strings in the parameters,
 * valid JSON in UTF-8.
 */
export const editFunction = String.raw`
-- Only printable ASCII without escapes: the text between two quotes is the string itself.
local function is_plain(text) return string.find(text, '^[ -~]*$') ~= nil and not string.find(text, '\\', 1, true) end
-- Replaces valid escapes and characters beyond ASCII by '_', so that any remaining ones are invalid.
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
-- True when only parameters and created_at are between status and updated_at.
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
 * Lua: splice(raw, from, to, tail, next_tail) does the same as `edit` for a text that `edit` produced, which needs no second
 * check.
 */
export const spliceFunction = `
local function splice(raw, from, to, tail, next_tail)
  local head, rest = string.match(raw, '^({"task_id":"[^"]*","service":"[^"]*","user_id":"[^"]*","status":")' .. from .. '(.*)$')
  local middle = head and string.match(string.sub(rest, 1, -#tail - 1), '^(.*,"updated_at":")')
  return middle and head .. to .. middle .. next_tail
end`;

/** An edit of a record's text. Both tails contain marks instead of times, see {@link marks}. */
export interface RecordEdit {
  readonly from: Status;
  readonly to: Status;
  /** The end of the text before the edit, after the value of `updated_at`. */
  readonly tail: string;
  /** The end of the text after the edit, from that value on. */
  readonly nextTail: string;
}

/** Placeholders for the times of the first and the second change: no record contains them otherwise. */
export const marks = [String.raw`\u0000`, String.raw`\u0001`] as const;

/** The edits for two successive changes of a record that has not changed since its submission. */
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

/** The text of a record from the value of `updated_at` on. */
function endOf(record: TaskRecord): string {
  const text = JSON.stringify(record);
  const start = `"updated_at":"`;
  return text.slice(text.indexOf(start) + start.length);
}
