/** One entry of a task's log. */
export interface LogEntry {
  readonly time: string;
  readonly message: string;
}

/** Splits `<time>,<message>` at the first comma; an entry without a comma is a message without time. */
export function splitEntry(entry: string): LogEntry {
  const comma = entry.indexOf(",");
  return comma < 0 ? { time: "", message: entry } : { time: entry.slice(0, comma), message: entry.slice(comma + 1) };
}
