import { statusColour } from "../output/colour.ts";
import type { Column } from "../output/table.ts";
import type { ShowTime } from "../output/times.ts";
import type { Task } from "../request/answers.ts";
import { progressOf, shortProgress } from "./progress.ts";

export interface TaskColumns {
  readonly showTime: ShowTime;
  /** Show the owner of each task, for lists with several owners. */
  readonly owner?: boolean;
}

/** The columns of a task table. */
export function taskColumns({ showTime, owner = false }: TaskColumns): Column<Task>[] {
  const owners: Column<Task>[] = [
    { title: "SERVICE", text: ({ service }) => service ?? "", least: 8 },
    { title: "USER", text: ({ user_id }) => user_id ?? "", least: 8 },
  ];
  return [
    { title: "ID", text: ({ task_id }) => task_id },
    ...(owner ? owners : []),
    { title: "STATUS", text: statusOf, colour: (task) => statusColour(statusOf(task)) },
    { title: "PROGRESS", text: (task) => shortProgress(progressOf(task)), spare: true },
    { title: "CREATED", text: ({ created_at }) => showTime(created_at), spare: true },
    ...(owner ? [] : [{ title: "UPDATED", text: ({ updated_at }: Task) => showTime(updated_at), spare: true }]),
    { title: "PARAMETERS", text: ({ parameters }) => parameterText(parameters), least: 10 },
  ];
}

/** The status, or `?` when the record has none. */
export function statusOf({ status }: Task): string {
  return status ?? "?";
}

/** `src=/a dst=/b` */
export function parameterText(parameters: Task["parameters"]): string {
  return Object.entries(parameters ?? {})
    .map(([name, value]) => `${name}=${parameterValue(value)}`)
    .join(" ");
}

/** A parameter as text; other programs may have written a value that is not a string. */
export function parameterValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
