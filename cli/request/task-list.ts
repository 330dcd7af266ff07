import { endpoints } from "../../shared/api/endpoints.ts";
import { parseTaskPage, type Task } from "./answers.ts";
import type { Client } from "./client.ts";
import type { Route, Values } from "./route.ts";

/** An endpoint that lists tasks. */
export interface ListSource {
  readonly route: Route;
  readonly values: Values;
}

/** Filters and limits of a list. */
export interface Selection {
  readonly order: "asc" | "desc";
  /** Maximum number of tasks. @default all */
  readonly limit?: number | undefined;
  /** Only tasks of these statuses. */
  readonly statuses?: ReadonlySet<string> | undefined;
  /** Only tasks created at or after this time, in ms since the epoch. */
  readonly since?: number | undefined;
  /** Only tasks created before this time, in ms since the epoch. */
  readonly before?: number | undefined;
}

export interface Piece {
  readonly tasks: readonly Task[];
  /** True when the limit has cut off the list. */
  readonly cutOff: boolean;
}

/** The tasks of a user, of a service, or of all users. */
export const listSources = {
  owner: (values: Values): ListSource => ({ route: endpoints.listTasks, values }),
  service: (service: string): ListSource => ({ route: endpoints.adminListServiceTasks, values: { service } }),
  all: (): ListSource => ({ route: endpoints.adminListTasks, values: {} }),
};

const pageSize = 200;

/** Reads a list in pages, so that memory does not grow with its length; stops once nothing more can match. */
export async function* readList(client: Client, source: ListSource, selection: Selection): AsyncGenerator<Piece> {
  const { order, statuses, since, before, limit = Number.POSITIVE_INFINITY } = selection;
  const filtered = statuses !== undefined || since !== undefined || before !== undefined;
  let left = limit;
  let cursor: string | undefined;
  while (left > 0) {
    const asked = filtered ? pageSize : Math.min(pageSize, left);
    const values = { ...source.values, limit: String(asked), order, cursor };
    const page = parseTaskPage(await client.text({ route: source.route, values }));
    const matching = page.tasks.filter((task) => matches(task, selection));
    const tasks = matching.slice(0, left);
    left -= tasks.length;
    // Ids are assigned in the order of creation: in descending order, only older tasks follow.
    const passed = order === "desc" && since !== undefined && page.tasks.some((task) => createdAt(task) < since);
    const more = page.nextCursor !== undefined && !passed;
    yield { tasks, cutOff: left === 0 && (more || matching.length > tasks.length) };
    if (!more) return;
    cursor = page.nextCursor;
  }
}

function matches(task: Task, { statuses, since, before }: Selection): boolean {
  if (statuses && !statuses.has(task.status ?? "")) return false;
  if (since !== undefined && createdAt(task) < since) return false;
  return before === undefined || createdAt(task) < before;
}

function createdAt({ created_at }: Task): number {
  return Date.parse(created_at ?? "");
}
