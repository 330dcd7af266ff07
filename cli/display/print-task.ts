import { statusColour } from "../output/colour.ts";
import { pairLines } from "../output/table.ts";
import type { ShowTime } from "../output/times.ts";
import { tame } from "../output/width.ts";
import type { Task } from "../request/answers.ts";
import type { Session } from "../session.ts";
import { parameterValue, statusOf } from "./columns.ts";
import { splitEntry } from "./log-entry.ts";
import { progressOf } from "./progress.ts";
import { progressText } from "./progress-bar.ts";

/** Everything about one task, for a terminal. */
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
    ["task", tame(task.task_id)],
    ["status", paint(statusColour(statusOf(task)), tame(statusOf(task)))],
    ["service", tame(service)],
    ["user", tame(user_id)],
    ...(typeof priority === "string" ? ([["priority", tame(priority)]] as [string, string][]) : []),
    ["created", showTime(created_at)],
    ["updated", showTime(updated_at)],
    ...(progress ? ([["progress", tame(progressText(progress))]] as [string, string][]) : []),
    ...(jobs.length > 0 ? ([["jobs", tame(jobs.join(", "))]] as [string, string][]) : []),
  ];
  const given = Object.entries(parameters).map(([name, value]) => [name, tame(parameterValue(value))] as const);
  const entries = logs.map((entry) => {
    const { time, message } = splitEntry(entry);
    return [showTime(time), tame(message)] as const;
  });
  return [
    ...pairLines(pairs, paint),
    ...(given.length > 0 ? [paint("dim", "parameters"), ...pairLines(given, paint, "  ")] : []),
    ...(entries.length > 0 ? [paint("dim", "log"), ...pairLines(entries, paint, "  ")] : []),
  ];
}
