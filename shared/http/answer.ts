import { mayNameTask } from "../../task-state/index.ts";

/** A text that is never held in memory as a whole. */
export interface LongText {
  readonly first: string;
  /** Gives the next part, which may be empty; `undefined` after the last one. Called when the client has read all before. */
  readonly next: () => Promise<string | undefined>;
}

/** The answer of a function: a status and JSON text, whole or in parts. */
export interface Answer {
  readonly status: number;
  readonly body: string | LongText;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The task that the answer names, for the log. @default the one of the request's path */
  readonly taskId?: string;
  /** Fields that are known only after a body in parts, lower-case names; sent to clients that ask with `TE: trailers`. */
  readonly trailers?: Readonly<Record<string, () => string>>;
}

/** Header with the number of unreadable tasks that a list has left out; absent when there are none. */
export const unreadableHeader = "dms-unreadable-tasks";

/** A value as JSON. */
export function json(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value) };
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** An error: `detail` for existing clients, and the members of RFC 9457. */
export function problem(status: number, detail: string, more: Record<string, unknown> = {}): Answer {
  return json(status, { detail, type: "about:blank", title: titles[status] ?? "Error", status, ...more });
}

/** The same answer with `Retry-After: 1`. */
export function withRetryAfter(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, "retry-after": "1" } };
}

/** The answer for a task that does not exist or belongs to another owner. */
export const taskNotFound: Answer = problem(404, "Task not found");

/** `{"task": …}` around a record as stored, or 404. */
export function taskAnswer(raw: string | undefined): Answer {
  return raw === undefined ? taskNotFound : { status: 200, body: `{"task":${raw}}` };
}

/** Reads a task only under an id that can exist: others would reach keys that are not tasks. */
export function answerTask(id: string, find: (id: string) => Promise<string | undefined>): Answer | Promise<Answer> {
  return mayNameTask(id) ? find(id).then(taskAnswer) : taskNotFound;
}
