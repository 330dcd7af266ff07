import { z } from "zod";

const record = z.looseObject({ task_id: z.string(), status: z.string(), logs: z.array(z.string()).default([]) });
export type ShownTask = z.infer<typeof record>;

const accepted = z.object({ task_id: z.string() });
const oneTask = z.object({ task: record });
const manyTasks = z.object({ tasks: z.array(record) });

export interface Submitted {
  readonly id: string;
  readonly user: string;
}

/** The service as its clients use it; the service `sync` is every task's. */
export interface Client {
  /** `undefined` when there was no 202: the task may exist all the same. */
  submit(user: string, parameters?: Readonly<Record<string, string>>): Promise<Submitted | undefined>;
  /** `undefined` for a 404. @throws Error for any other answer but 200 */
  get(task: Submitted): Promise<ShownTask | undefined>;
  cancel(task: Submitted): Promise<ShownTask | undefined>;
  delete(task: Submitted): Promise<ShownTask | undefined>;
  list(user: string): Promise<ShownTask[]>;
  /** A request of an operator below `/admin`. */
  operate(method: string, path: string): Promise<{ status: number; body: unknown }>;
}

/** Longer than any answer takes whose process lives. */
const pollInterval = 10_000;

/** A client that asks where `address` says, anew for each request. */
export function createClient(address: () => string): Client {
  const send = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(`${address()}/api/v1${path}`, { method, headers, signal: AbortSignal.timeout(pollInterval) });
  const onTask = async (method: string, { id, user }: Submitted, verb = "") => {
    const response = await send(method, `/services/sync/tasks/${id}${verb}?user_id=${encodeURIComponent(user)}`);
    const body: unknown = await response.json();
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw new Error(`${method} ${id}${verb}: ${response.status} ${JSON.stringify(body)}`);
    return oneTask.parse(body).task;
  };
  return {
    async submit(user, parameters = {}) {
      const query = new URLSearchParams(parameters);
      const response = await send("POST", `/services/sync/users/${user}/tasks?${query}`).catch(() => undefined);
      const body: unknown = await response?.json().catch(() => undefined);
      return response?.status === 202 ? { id: accepted.parse(body).task_id, user } : undefined;
    },
    get: (task) => onTask("GET", task),
    cancel: (task) => onTask("POST", task, "/cancel"),
    delete: (task) => onTask("DELETE", task),
    async list(user) {
      const response = await send("GET", `/services/sync/users/${user}/tasks`);
      const body: unknown = await response.json();
      if (response.status !== 200) throw new Error(`list of ${user}: ${response.status} ${JSON.stringify(body)}`);
      return manyTasks.parse(body).tasks;
    },
    async operate(method, path) {
      const response = await send(method, `/admin${path}`, { "x-operator-token": "changeme" });
      return { status: response.status, body: await response.json() };
    },
  };
}
