import { changeRecord, newRecordTail, type RecordChange, type TaskRecord } from "./record.ts";

/*
 * A record that nobody has touched since its submission is a text that we know but for a few values. A script can therefore
 * change it as a text, in the very step in which it reads it, and without Redis's own JSON library, which turns `[]` to `{}`.
 */

/**
 * Lua pattern, quoted: a fresh record as far as its status, and all that follows it. No string before it holds a quote or a
 * backslash, so that it can be nothing but the record's own member.
 */
export const freshRecordPattern = String.raw`'^({"task_id":"%d+","service":"[^"\\]*","user_id":"[^"\\]*","status":")pending(",.*)$'`;

/** What replaces what in a fresh record. */
export interface FreshEdit {
  /** Instead of `pending`. */
  readonly status: string;
  /** The end of every fresh record, behind the value of `updated_at`. */
  readonly tail: string;
  /** The end of the changed one, from that value on. */
  nextTail(time: string): string;
}

/** Stands for the time; no text of a record holds a control character that is not escaped. */
const timeMark = "\u0000";

/** The edit that makes `change` of any fresh record. */
export function editFresh(change: RecordChange): FreshEdit {
  const fresh: TaskRecord = JSON.parse(`{${newRecordTail({ service: "", user: "" }, {}, timeMark)}`);
  const next = changeRecord(fresh, change, timeMark);
  const pieces = endOf(next).split(JSON.stringify(timeMark).slice(1, -1));
  return {
    status: next.status,
    tail: endOf(fresh).slice(JSON.stringify(timeMark).length - 2),
    nextTail: (time) => pieces.join(time),
  };
}

/** A record's text from the value of `updated_at` on. */
function endOf(record: TaskRecord): string {
  const text = JSON.stringify(record);
  const start = `"updated_at":"`;
  return text.slice(text.indexOf(start) + start.length);
}
