import { parseLossless } from "../../task-state/record/json.ts";
import { exitCodes, Failure } from "../exit-code.ts";

/** A task as the server returns it; only the id is certain, because other programs may have written the record. */
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
 * Parses an answer that must be a JSON object; numbers keep their spelling.
 * @throws Failure when it is not, as from another server at this address
 */
export function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = parseLossless(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) {
    throw new Failure(exitCodes.unavailable, "the answer is not from this API", {
      hint: "Another server may be running there: check --api-base or DMS_API_BASE.",
    });
  }
  return value;
}

/** Parses `{"task": …}`, or another member with a task. */
export function parseTask(text: string, member = "task"): Task {
  return asTask(parseObject(text)[member]);
}

/** A page of tasks. */
export interface TaskPage {
  readonly tasks: readonly Task[];
  readonly nextCursor: string | undefined;
}

/** Parses `{"tasks": […], "next_cursor": "…"}`. */
export function parseTaskPage(text: string): TaskPage {
  const { tasks, next_cursor } = parseObject(text);
  if (!Array.isArray(tasks))
    throw new Failure(exitCodes.unavailable, "the answer of the server contains no list of tasks");
  return { tasks: tasks.map(asTask), nextCursor: typeof next_cursor === "string" ? next_cursor : undefined };
}

function asTask(value: unknown): Task {
  if (isObject(value) && typeof value.task_id === "string") return value as Task;
  throw new Failure(exitCodes.unavailable, "the answer of the server contains no task");
}

/** True for JSON objects, but not for arrays. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
