import { statusColour } from "../output/colour.ts";
import { pairLines } from "../output/table.ts";
import type { ShowTime } from "../output/times.ts";
import { sanitize } from "../output/width.ts";
import type { Task } from "../request/answers.ts";
import type { Session } from "../session.ts";
import { parameterValue, statusOf } from "./columns.ts";
import { splitEntry } from "./log-entry.ts";
import { progressOf } from "./progress.ts";
import { progressText } from "./progress-bar.ts";

/** All fields of a task as lines of text. */
export function taskLines(task: Task, { paint }: Pick<Session, "paint">, showTime: ShowTime): string[] {
  const {
    service = "",
    user_id = "",
    created_at,
    updated_at,
    parameters = {},
    logs = [],
    priority,
    active_jobs,
  } = task;
  const progress = progressOf(task);
  const jobs = Array.isArray(active_jobs) ? active_jobs.map(String) : [];
  const pairs: [string, string][] = [
    ["task", sanitize(task.task_id)],
    ["status", paint(statusColour(statusOf(task)), sanitize(statusOf(task)))],
    ["service", sanitize(service)],
    ["user", sanitize(user_id)],
    ...(typeof priority === "string" ? ([["priority", sanitize(priority)]] as [string, string][]) : []),
    ["created", showTime(created_at)],
    ["updated", showTime(updated_at)],
    ...(progress ? ([["progress", sanitize(progressText(progress))]] as [string, string][]) : []),
    ...(jobs.length > 0 ? ([["jobs", sanitize(jobs.join(", "))]] as [string, string][]) : []),
  ];
  const given = Object.entries(parameters).map(([name, value]) => [name, sanitize(parameterValue(value))] as const);
  const entries = logs.map((entry) => {
    const { time, message } = splitEntry(entry);
    return [showTime(time), sanitize(message)] as const;
  });
  return [
    ...pairLines(pairs, paint),
    ...(given.length > 0 ? [paint("dim", "parameters"), ...pairLines(given, paint, "  ")] : []),
    ...(entries.length > 0 ? [paint("dim", "log"), ...pairLines(entries, paint, "  ")] : []),
  ];
}
