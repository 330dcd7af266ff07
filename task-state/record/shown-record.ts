import { rewritable, type TaskRecord, untouched } from "./record.ts";

/** A record as readers get it, with all members of the API. */
export interface ShownRecord extends TaskRecord {
  readonly result: { readonly pod_status: unknown; readonly launcher_output: unknown };
  readonly priority: "high" | "low";
  readonly active_jobs: readonly unknown[];
}

/**
 * The text of a record for readers: as stored, except that `result`, `priority` and `active_jobs` get their defaults where
 * another program left them out or stored something that no client expects. The stored record does not change.
 */
export function shownText(record: TaskRecord, raw: string): string {
  return isWhole(record) ? raw : JSON.stringify(shownRecord(rewritable(record, raw)));
}

/** The same for a parsed record. */
export function shownRecord(record: TaskRecord): ShownRecord {
  const { result, priority, active_jobs } = record;
  return {
    ...record,
    result: { ...untouched.result, ...(isObject(result) ? result : {}) },
    priority: priority === "high" ? "high" : "low",
    active_jobs: Array.isArray(active_jobs) ? active_jobs : untouched.active_jobs,
  };
}

/** Cheap, because every record that is read passes through here. */
function isWhole({ result, priority, active_jobs }: TaskRecord): boolean {
  if ((priority !== "low" && priority !== "high") || !Array.isArray(active_jobs) || !isObject(result)) return false;
  return result.pod_status !== undefined && result.launcher_output !== undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
