import { readRecord, type ShownRecord } from "../../task-state/index.ts";

/** The record in a text with all members, under its own id; `undefined` when the text is not a record. */
export function parseRecord(raw: string): ShownRecord | undefined {
  const id = /"task_id":"([^"]*)"/.exec(raw)?.[1] ?? "";
  const reading = readRecord(id, raw);
  return reading.kind === "record" ? (reading.record as ShownRecord) : undefined;
}
