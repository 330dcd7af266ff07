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
  readonly nextTail: string;
}

/** The edit that makes `change`, dated `time`, of any fresh record. */
export function editFresh(change: RecordChange, time: string): FreshEdit {
  const text = `{${newRecordTail({ service: "", user: "" }, {}, time)}`;
  const next = changeRecord(JSON.parse(text) as TaskRecord, change, time);
  const from = (json: string) => json.slice(json.indexOf(`"updated_at":"`) + `"updated_at":"`.length);
  return { status: next.status, tail: from(text).slice(time.length), nextTail: from(JSON.stringify(next)) };
}
