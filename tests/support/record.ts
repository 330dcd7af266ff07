import { readRecord, type TaskRecord } from "../../task-state/index.ts";

/** The record in a text, under the id that it names itself; `undefined` when it is none. */
export function parseRecord(raw: string): TaskRecord | undefined {
  const id = /"task_id":"([^"]*)"/.exec(raw)?.[1] ?? "";
  const reading = readRecord(id, raw);
  return reading.kind === "record" ? reading.record : undefined;
}
