import { isTerminal, type Status } from "../record/lifecycle.ts";
import type { Owner, TaskRecord } from "../record/record.ts";
import { readRecord } from "../record/record-reader.ts";
import type { Command } from "../redis/command.ts";
import { ifAvailable } from "../redis/errors.ts";
import { keys } from "../redis/keys.ts";
import { writeAll } from "../redis/write-all.ts";
import { commit } from "./commit.ts";
import type { TaskStateContext } from "./context.ts";
import { ownerRequest } from "./owner-request.ts";
import { ownerOnFile } from "./quarantine.ts";
import type { Sidecar } from "./sidecar.ts";
import type { View } from "./view.ts";

/**
 * Deletes a task that cannot be read, for an operator. If the scheduler may have it, it is cancelled there first: until then a
 * substitute record with the known facts replaces the unreadable one, hidden from every reader.
 * @returns the substitute's JSON, or `undefined` when another writer was faster
 */
export async function deleteUnreadable(context: TaskStateContext, view: View): Promise<string | undefined> {
  const { id, sidecar } = view;
  // There is no sidecar, or an invalid one.
  if (!sidecar) await context.primary.del(keys.sidecar(id));
  const owner = sidecar ?? (await ownerOnFile(context, id));
  const record = mended(context, view, owner);
  // Without an owner the scheduler cannot be asked to cancel it.
  const change =
    owner === undefined || isTerminal(record.status) || isNowhereElse(sidecar)
      ? ({ remove: "purge" } as const)
      : ({ ...ownerRequest("delete", sidecar), remove: "hide", deadLetter: null, record: {} } as const);
  const known = owner === undefined ? view : { ...view, raw: view.raw ?? "", record };
  if (!(await commit(context, known, change))) return undefined;
  // The task is deleted: an error must not say otherwise, and sweeps remove what is left.
  const cleared = writeAll(context.primary, [
    ["ZREM", keys.unreadable, id],
    // The janitor finds the other sets that hold it.
    ...(owner
      ? []
      : ([
          ["SREM", keys.tasks, id],
          ["ZREM", keys.ordered(keys.tasks), id],
        ] satisfies Command[])),
  ]);
  await ifAvailable(cleared);
  return JSON.stringify(record);
}

/** True when the scheduler never had the task, as far as the sidecar shows, or was never meant to have it. */
function isNowhereElse(sidecar: Sidecar | undefined): boolean {
  return sidecar?.phase === "external" || (sidecar?.phase === "queued" && sidecar.doubtful === undefined);
}

/** The substitute for a record that cannot be read: keeps its end and its jobs if they can be parsed. */
function mended(context: TaskStateContext, { id, raw, sidecar, unreadable }: View, owner: Owner | undefined) {
  const time = context.clock();
  const status: Status = sidecar?.phase === "sending" ? "dispatching" : "running";
  const members = membersOf(id, raw);
  const record: TaskRecord = {
    task_id: id,
    service: owner?.service ?? "",
    user_id: owner?.user ?? "",
    status,
    parameters: {},
    created_at: time,
    updated_at: time,
    logs: [`${time},Deleted by an operator: ${unreadable ?? "cannot be read"}`],
    result: { pod_status: null, launcher_output: null },
    priority: "low",
    active_jobs: [],
  };
  const ended = { ...record, status: members.status } as TaskRecord;
  const named = { ...record, active_jobs: members.active_jobs } as TaskRecord;
  const isEnd = readRecord(id, JSON.stringify(ended)).kind === "record" && isTerminal(ended.status);
  if (isEnd) return ended;
  const { active_jobs } = members;
  const areNames = Array.isArray(active_jobs) && active_jobs.every((job) => typeof job === "string");
  return areNames ? named : record;
}

/** The members of an unreadable record, if it is a JSON object that names its own task. */
function membersOf(id: string, raw: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(raw ?? "");
    if (typeof value !== "object" || value === null) return {};
    const members = { ...value } as Record<string, unknown>;
    return members.task_id === id ? members : {};
  } catch {
    return {};
  }
}
