import type { Policy } from "../../functions/background/dispatcher/index.ts";
import type { Sidecar, TaskRecord, View } from "../../task-state/index.ts";

/** Redis time of every view that is made here, in ms. */
export const now = 1_800_000_000_000;

export const policy: Policy = {
  requestTimeout: 1000,
  grace: 5000,
  maxAttempts: 3,
  minBackoff: 500,
  maxBackoff: 60_000,
  lease: 4000,
  maxAge: 0,
  caps: { maxInFlight: 0, maxInFlightPerUser: 0, ratePerSecond: 0 },
};

/** A task of alice as a dispatcher sees it, queued and one second old; `null`: there is no such part. */
export function viewOf(
  record: Partial<TaskRecord> | null = {},
  sidecar: Partial<Sidecar> | null = {},
  more: Partial<View> = {},
): View {
  const whole = record && recordOf(record);
  return {
    id: "7",
    raw: whole && JSON.stringify(whole),
    record: whole ?? undefined,
    sidecar: sidecar ? sidecarOf(sidecar) : undefined,
    deleted: sidecar?.want === "delete",
    now,
    watched: now,
    ...more,
  };
}

function recordOf(fields: Partial<TaskRecord>): TaskRecord {
  const time = new Date(now - 1000).toISOString();
  return {
    task_id: "7",
    service: "sync",
    user_id: "alice",
    status: "pending",
    parameters: {},
    created_at: time,
    updated_at: time,
    logs: [],
    result: { pod_status: null, launcher_output: null },
    priority: "low",
    active_jobs: [],
    ...fields,
  };
}

function sidecarOf(fields: Partial<Sidecar>): Sidecar {
  return { service: "sync", user: "alice", phase: "queued", rev: 2, attempts: 0, cancelAttempts: 0, ...fields };
}
