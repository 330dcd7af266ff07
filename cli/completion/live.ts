import { endpoints } from "../../shared/api/endpoints.ts";
import { statuses } from "../../task-state/record/lifecycle.ts";
import { tokenInEnvironment } from "../admin/operator.ts";
import { parameterText, statusOf } from "../display/columns.ts";
import { parseObject, parseTaskPage, type Task } from "../request/answers.ts";
import { hasEnded } from "../request/poll.ts";
import { openSession, type Session } from "../session.ts";
import type { Shell } from "../shell.ts";
import { variables } from "../variables.ts";
import type { Candidate } from "./candidate.ts";

/** Timeout of a completion, in ms. */
const timeoutMs = 1000;
/** Commands that only apply to tasks that have not ended. */
const activeOnlyCommands = new Set(["cancel", "wait", "watch"]);

/** Option values from the server; none when it is unavailable. Never fails. */
export async function liveValues(
  attribute: string,
  command: string,
  given: ReadonlyMap<string, string>,
  current: string,
  shell: Shell,
): Promise<Candidate[]> {
  if (attribute === "status")
    return listed(
      current,
      statuses.map((value) => ({ value })),
    );
  const { env } = shell;
  const service = given.get("service") || env[variables.service.name];
  const user = given.get("user") || env[variables.user.name];
  const apiBase = given.get("apiBase") || env[variables.apiBase.name] || variables.apiBase.default;
  const token = tokenInEnvironment(shell);
  const signal = AbortSignal.any([shell.signal, AbortSignal.timeout(timeoutMs)]);
  const options = { apiBase, timeoutRequest: timeoutMs, retries: 0 };
  let session: Session | undefined;
  try {
    session = await openSession({ ...shell, signal }, options, async () => token ?? "");
    if (attribute === "user" && service) return await users(session, service);
    if (attribute === "service" && token !== undefined) return await services(session);
    if (attribute !== "taskId") return [];
    return listed(current, await taskIds(session, service, user, token, activeOnlyCommands.has(command)));
  } catch {
    return [];
  } finally {
    session?.client.close();
  }
}

/** Candidates for the last part of a comma-separated list. */
function listed(current: string, candidates: readonly Candidate[]): Candidate[] {
  const start = current.slice(0, current.lastIndexOf(",") + 1);
  return candidates.map(({ value, ...rest }) => ({ value: start + value, ...rest }));
}

async function users({ client }: Session, service: string): Promise<Candidate[]> {
  const found = parseObject(await client.text({ route: endpoints.listUsers, values: { service } })).users;
  return Array.isArray(found) ? found.map((value) => ({ value: String(value) })) : [];
}

/** No endpoint lists the services, so these are the ones of the latest tasks. */
async function services({ client }: Session): Promise<Candidate[]> {
  const values = { limit: "500", order: "desc" };
  const { tasks } = parseTaskPage(await client.text({ route: endpoints.adminListTasks, values }));
  return [...new Set(tasks.map(({ service }) => service ?? ""))].filter(Boolean).map((value) => ({ value }));
}

async function taskIds(
  { client }: Session,
  service: string | undefined,
  user: string | undefined,
  token: string | undefined,
  activeOnly: boolean,
): Promise<Candidate[]> {
  const newest = { limit: "100", order: "desc" };
  let tasks: readonly Task[] = [];
  if (service && user) {
    const values = { ...newest, service, user_id: user };
    tasks = parseTaskPage(await client.text({ route: endpoints.listTasks, values })).tasks;
  } else if (token !== undefined) {
    tasks = parseTaskPage(await client.text({ route: endpoints.adminListTasks, values: newest })).tasks;
  }
  return tasks
    .filter((task) => !activeOnly || !hasEnded(task))
    .map((task) => ({
      value: task.task_id,
      meaning: `${statusOf(task)} ${parameterText(task.parameters)}`.trim().slice(0, 60),
    }));
}
