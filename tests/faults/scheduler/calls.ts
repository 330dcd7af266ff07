import { z } from "zod";
import type { TaskRecord } from "../../../task-state/index.ts";
import type { Blocks } from "./blocks.ts";
import type { Jobs } from "./jobs.ts";
import type { Records } from "./records.ts";

const cancelBody = z.object({ task_id: z.string(), service: z.string(), user_id: z.string() });
const submitBody = cancelBody.extend({ parameters: z.record(z.string(), z.string()) });

export interface Answer {
  readonly status: number;
  readonly body: object;
}

export interface Parts {
  readonly records: Records;
  readonly jobs: Jobs;
  readonly blocks: Blocks;
}

/** Carries out a submission. A task with a parameter `refuse` is refused for that reason. */
export async function submit({ records, jobs, blocks }: Parts, body: unknown): Promise<Answer> {
  const { data } = submitBody.safeParse(body);
  if (!data) return { status: 422, body: { detail: "Unprocessable body" } };
  const { task_id: id } = data;
  if (blocks.isBlocked(data.user_id)) return { status: 403, body: { detail: "Requests are blocked" } };
  if (!(await records.exists(id))) return unknown(id);
  const task = await records.read(id);
  if (!task) return unknown(id);
  const detail = data.parameters.refuse ?? (fits(task, data) ? undefined : `Task ${id} does not match its record`);
  if (detail !== undefined) {
    await records.write(task, { status: "failed", log: detail, active_jobs: [] });
    return { status: 400, body: { detail } };
  }
  await jobs.submit(task);
  return { status: 202, body: { task_id: id, status: "dispatching" } };
}

/** Carries out a cancellation. */
export async function cancel({ records, jobs }: Parts, body: unknown): Promise<Answer> {
  const { data } = cancelBody.safeParse(body);
  if (!data) return { status: 422, body: { detail: "Unprocessable body" } };
  const { task_id: id } = data;
  const task = await records.read(id);
  if (!task) {
    jobs.missed(id);
    return unknown(id);
  }
  if (task.user_id !== data.user_id || task.service !== data.service) {
    return { status: 403, body: { detail: "Task identity mismatch" } };
  }
  return { status: 202, body: { task_id: id, status: await jobs.cancel(task) } };
}

function unknown(id: string): Answer {
  return { status: 404, body: { detail: `Task ${id} not found in shared store` } };
}

function fits(task: TaskRecord, body: z.infer<typeof submitBody>): boolean {
  const same = JSON.stringify(task.parameters) === JSON.stringify(body.parameters);
  return same && task.user_id === body.user_id && task.service === body.service;
}
