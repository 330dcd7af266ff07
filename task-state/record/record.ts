import { holdsNumber, parseLossless } from "./json.ts";
import { isTerminal, type Status } from "./lifecycle.ts";

/** What a task was asked to do: query parameters as plain strings, in the order they were given. */
export type Parameters = Readonly<Record<string, string>>;

/** The JSON that Redis keeps under `task:{id}`; other programs write it too and may add fields of their own. */
export interface TaskRecord {
  /** Decimal digits, as a string. */
  readonly task_id: string;
  readonly service: string;
  readonly user_id: string;
  readonly status: Status;
  readonly parameters: Parameters;
  /** ISO 8601, six fractional digits, numeric offset. */
  readonly created_at: string;
  readonly updated_at: string;
  /** `<time>,<message>` each, split at the first comma. */
  readonly logs?: readonly string[];
  readonly result?: { readonly pod_status?: unknown; readonly launcher_output?: unknown };
  readonly priority?: "high" | "low";
  readonly active_jobs?: readonly unknown[];
  readonly [unknownField: string]: unknown;
}

/** Whose task it is. */
export interface Owner {
  readonly service: string;
  readonly user: string;
}

/** The record to base a new text on: numbers come out as they stand in `raw`, however long or fractional. */
export function rewritable(record: TaskRecord, raw: string): TaskRecord {
  // Records hold no numbers of ours, so the slower reading is seldom needed.
  return holdsNumber(record) ? (parseLossless(raw) as TaskRecord) : record;
}

/** True when the record says that its task has ended. */
export function hasEnded(record: TaskRecord): boolean {
  return isTerminal(record.status);
}

/** True while the scheduler shows jobs of the task. */
export function hasJobs({ active_jobs }: TaskRecord): boolean {
  return (active_jobs?.length ?? 0) > 0;
}

/** The owner that a record names. */
export function ownerOf(record: TaskRecord): Owner {
  return { service: record.service, user: record.user_id };
}

/** What the record of a task shows that nobody has run. */
export const untouched = { result: { pod_status: null, launcher_output: null }, active_jobs: [] } as const;

/**
 * The JSON of a new `pending` record after its `task_id` member, which only Redis can number:
 * `{"task_id":"17",` + this text is the whole record.
 */
export function newRecordTail(owner: Owner, parameters: Parameters, time: string): string {
  const record = {
    service: owner.service,
    user_id: owner.user,
    status: "pending" satisfies Status,
    parameters,
    created_at: time,
    updated_at: time,
    logs: [],
    result: untouched.result,
    priority: "low",
    active_jobs: untouched.active_jobs,
  };
  return JSON.stringify(record).slice(1);
}

/** The fields of a record that a writer may change; everything else is kept as it was. */
export interface RecordChange {
  readonly status?: Status;
  /** Messages without their time. */
  readonly logs?: readonly string[];
  /** Ready log entries, `<time>,<message>`, written before `logs`. */
  readonly datedLogs?: readonly string[];
  readonly result?: NonNullable<TaskRecord["result"]>;
  readonly priority?: "high" | "low";
  readonly active_jobs?: readonly unknown[];
}

/** The record after the change, dated `time`; the given record is not touched. */
export function changeRecord(record: TaskRecord, change: RecordChange, time: string): TaskRecord {
  const { logs = [], datedLogs = [], ...fields } = change;
  const entries = [...datedLogs, ...logs.map((message) => `${time},${message}`)];
  return {
    ...record,
    ...fields,
    updated_at: time,
    ...(entries.length > 0 ? { logs: [...(record.logs ?? []), ...entries] } : {}),
  };
}
