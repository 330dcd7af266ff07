import { readRecord, type TaskRecord } from "../../task-state/index.ts";

/** The record in a text, under its own id; `undefined` when the text is not a record. */
export function parseRecord(raw: string): TaskRecord | undefined {
  const id = /"task_id":"([^"]*)"/.exec(raw)?.[1] ?? "";
  const reading = readRecord(id, raw);
  return reading.kind === "record" ? reading.record : undefined;
}
