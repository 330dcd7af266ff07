import { holdsNumber, parseLossless } from "./json.ts";
import { isTerminal, type Status } from "./lifecycle.ts";

/** The parameters of a task: query parameters as plain strings, in the given order. */
export type Parameters = Readonly<Record<string, string>>;

/** The JSON stored under `task:{id}`; other programs write it, too, and may add their own fields. */
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
  /** `{"pod_status", "launcher_output"}`. Other programs may leave out this and the next two, or store something odd. */
  readonly result?: unknown;
  /** `high` or `low`. */
  readonly priority?: unknown;
  /** A list of job names. */
  readonly active_jobs?: unknown;
  readonly [unknownField: string]: unknown;
}

/** The owner of a task. */
export interface Owner {
  readonly service: string;
  readonly user: string;
}

/** The record to write back: its numbers keep the notation of `raw`, however long or fractional. */
export function rewritable(record: TaskRecord, raw: string): TaskRecord {
  // Our own records contain no numbers, so the slower parser is seldom needed.
  return holdsNumber(record) ? (parseLossless(raw) as TaskRecord) : record;
}

/** True when the record has a terminal status. */
export function hasEnded(record: TaskRecord): boolean {
  return isTerminal(record.status);
}

/** True while the scheduler lists jobs of the task, in whatever form. */
export function hasJobs({ active_jobs = [] }: TaskRecord): boolean {
  return Object.keys(Object(active_jobs)).length > 0;
}

/** The owner that a record names. */
export function ownerOf(record: TaskRecord): Owner {
  return { service: record.service, user: record.user_id };
}

/** The result and jobs of a task that never ran. */
export const untouched = { result: { pod_status: null, launcher_output: null }, active_jobs: [] } as const;

/**
 * The JSON of a new `pending` record after its `task_id` member, whose number Redis assigns:
 * `{"task_id":"17",` + this text is the complete record.
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

/** The fields of a record that a writer may change; all other fields are kept. */
export interface RecordChange {
  readonly status?: Status;
  /** Log messages without a time. */
  readonly logs?: readonly string[];
  /** Complete log entries, `<time>,<message>`, added before `logs`. */
  readonly datedLogs?: readonly string[];
  readonly result?: { readonly pod_status?: unknown; readonly launcher_output?: unknown };
  readonly priority?: "high" | "low";
  readonly active_jobs?: readonly unknown[];
}

/** Returns a copy of the record with the change, dated `time`. */
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
