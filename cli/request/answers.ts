import { parseLossless } from "../../task-state/record/json.ts";
import { exitCodes, Failure } from "../exit-code.ts";

/** A task as the server shows it; anything but its id may be missing in what other programs have written. */
export interface Task {
  readonly task_id: string;
  readonly service?: string;
  readonly user_id?: string;
  readonly status?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly created_at?: string;
  readonly updated_at?: string;
  readonly logs?: readonly string[];
  readonly result?: { readonly launcher_output?: unknown; readonly pod_status?: unknown };
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an answer that has to be a JSON object; numbers keep their spelling.
 * @throws Failure when something else answers at this address
 */
export function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = parseLossless(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) {
    throw new Failure(exitCodes.unavailable, "the answer is not what this API gives", {
      hint: "Something else seems to answer there: check --api-base or DMS_API_BASE.",
    });
  }
  return value;
}

/** Reads `{"task": …}`, or another member that names a task. */
export function parseTask(text: string, member = "task"): Task {
  return asTask(parseObject(text)[member]);
}

/** A page of tasks. */
export interface TaskPage {
  readonly tasks: readonly Task[];
  readonly nextCursor: string | undefined;
}

/** Reads `{"tasks": […], "next_cursor": "…"}`. */
export function parseTaskPage(text: string): TaskPage {
  const { tasks, next_cursor } = parseObject(text);
  if (!Array.isArray(tasks)) throw new Failure(exitCodes.unavailable, "the answer has no tasks");
  return { tasks: tasks.map(asTask), nextCursor: typeof next_cursor === "string" ? next_cursor : undefined };
}

function asTask(value: unknown): Task {
  if (isObject(value) && typeof value.task_id === "string") return value as Task;
  throw new Failure(exitCodes.unavailable, "the answer has no task");
}

/** True for JSON objects, which arrays are not. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
