import { isStatus } from "./lifecycle.ts";
import type { TaskRecord } from "./record.ts";

/** The result of parsing a stored text: the record of its task, or the reason why it is none. */
export type RecordReading =
  | { readonly kind: "record"; readonly record: TaskRecord }
  | { readonly kind: "unreadable"; readonly reason: string };

/** The longest text accepted as a record, in bytes of UTF-8. */
export const maxRecordBytes = 8 * 1024 * 1024;
/** The reason for a longer text. */
export const tooLarge = `the record is larger than ${maxRecordBytes / 1024 / 1024} MiB`;
/** The reason for bytes that are no text; compare-and-set on the text would never succeed. */
export const notUtf8 = "the record is not valid UTF-8";

/** Nesting that recursive JSON writers survive; Python's parser refuses twice as much. */
const maxDepth = 500;

/**
 * Parses the text stored under `task:{id}`. A record names its own task and has every member that all programs rely on, with
 * its type. Members that readers get in their usual form in any case, see `shownRecord`, and unknown ones may be anything.
 */
export function readRecord(id: string, raw: string): RecordReading {
  if (raw.length * 3 > maxRecordBytes && Buffer.byteLength(raw) > maxRecordBytes) return unreadable(tooLarge);
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return unreadable("the record is not JSON");
  }
  if (!isObject(value)) return unreadable("the record is not a JSON object");
  const fault = faultIn(id, value);
  return fault === undefined ? { kind: "record", record: value as TaskRecord } : unreadable(fault);
}

/** The result for a text that is no record. */
export function unreadable(reason: string): RecordReading {
  return { kind: "unreadable", reason };
}

/** The reason why a JSON object is no record of this task; `undefined` if it is one. */
function faultIn(id: string, record: Readonly<Record<string, unknown>>): string | undefined {
  const { task_id, status, parameters, logs } = record;
  for (const member of texts) {
    if (typeof record[member] !== "string") return wrong(member, "a string", record[member]);
  }
  if (task_id !== id) return `task_id names another task, ${shortened(String(task_id))}`;
  if (!isStatus(status)) return `status is unknown: ${shortened(String(status))}`;
  if (!isObject(parameters)) return wrong("parameters", "an object", parameters);
  if (logs !== undefined) {
    if (!Array.isArray(logs)) return wrong("logs", "a list", logs);
    const odd = logs.findIndex((entry) => typeof entry !== "string");
    if (odd >= 0) return wrong(`logs[${odd}]`, "a string", logs[odd]);
  }
  return isDeeper(record, maxDepth) ? `the record is nested deeper than ${maxDepth} levels` : undefined;
}

const texts = ["task_id", "service", "user_id", "status", "created_at", "updated_at"] as const;

function wrong(member: string, wanted: string, value: unknown): string {
  if (value === undefined) return `${member} is missing`;
  return `${member} must be ${wanted}, not ${value === null ? "null" : kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Shortens foreign text, to be quoted in a reason. */
function shortened(text: string): string {
  return JSON.stringify((text.length > 64 ? `${text.slice(0, 64)}…` : text).toWellFormed());
}

/** Avoids copies: every record that is shown or sent passes through here. */
function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((member) => isObjectOrList(member) && isDeeper(member, levels - 1));
  for (const name in value) {
    const member: unknown = value[name as keyof typeof value];
    if (isObjectOrList(member) && isDeeper(member, levels - 1)) return true;
  }
  return false;
}

function isObjectOrList(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
