import {
  acknowledge,
  type Change,
  type Claim,
  commit,
  isUnavailable,
  quarantine,
  readView,
  type View,
} from "../../../../task-state/index.ts";
import type { ConcurrencyPermit } from "../limits/concurrency-permit.ts";
import { nextStep, type Step } from "./next-step.ts";
import type { Attempt, Reconciliation } from "./reconciliation.ts";
import { request, submitBegun } from "./request.ts";
import { type Result, releaseLease } from "./store-outcome.ts";
import { taskFields } from "./task-fields.ts";

/** More steps than a reconciliation ever needs; a wrong decision must not loop for ever. */
const maxSteps = 50;

/**
 * Reconciles a claimed task, one step at a time, until its lease can be released. Each step is committed against the task as
 * it was read; if another writer was faster, the task is read again and the step decided anew. A task that fails for a reason
 * of its own is quarantined, so that its entry blocks no other.
 */
export async function reconcile(
  reconciliation: Reconciliation,
  claim: Claim,
  permit: ConcurrencyPermit,
): Promise<void> {
  const { context, holder } = reconciliation;
  const task = { id: claim.view.id, entryId: claim.entry.entryId, holder };
  try {
    if (await runSteps(reconciliation, claim, permit)) return;
    await quarantine(context, { ...task, reason: `it was not settled within ${maxSteps} steps` });
  } catch (error) {
    // An error of this task alone would return its entry for ever.
    if (!isUnavailable(error))
      await quarantine(context, { ...task, reason: `it cannot be changed: ${messageOf(error)}` });
    throw error;
  }
}

/** @returns false when the task needs more than `maxSteps` steps */
async function runSteps(reconciliation: Reconciliation, claim: Claim, permit: ConcurrencyPermit): Promise<boolean> {
  const { context, fastPath, holder, log, policy } = reconciliation;
  const { entry, hold, begunAt } = claim;
  const attempt = { entryId: entry.entryId, claimedAt: claim.askedAt, permit };
  let view = claim.view;
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const result =
      begunAt !== undefined && steps === 0 && view.record
        ? await submitBegun(reconciliation, view, view.record, { ...attempt, finish: () => fastPath.finish(claim) })
        : await applyStep(reconciliation, view, nextStep(view, policy, hold), attempt);
    if (result === "done") return true;
    if (result) {
      view = result;
      continue;
    }
    view = await readView(context, view.id);
    if (view.unreadable !== undefined && !view.sidecar) continue;
    if (!view.sidecar) {
      await acknowledge(context.primary, entry.entryId);
      return true;
    }
    if (view.sidecar.lease !== holder) return true;
  }
  log.error(taskFields(view), "a task was not settled; it is listed among the dead letters and re-checked");
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function applyStep(reconciliation: Reconciliation, view: View, step: Step, attempt: Attempt): Promise<Result> {
  const { context, holder } = reconciliation;
  if (step.kind === "submit" || step.kind === "cancel") return request(reconciliation, view, step.kind, attempt);
  if (step.kind === "quarantine") {
    await quarantine(context, { id: view.id, reason: step.reason, entryId: attempt.entryId, holder });
    return "done";
  }
  const written = await commit(context, view, changeOf(view, step, attempt.entryId));
  return written && step.kind !== "write" ? "done" : written;
}

function changeOf(
  view: View,
  step: Exclude<Step, { kind: "submit" | "cancel" | "quarantine" }>,
  entryId: string,
): Change {
  switch (step.kind) {
    case "purge":
      return { remove: "purge", acknowledge: entryId };
    case "write":
      return step.change;
    case "release": {
      const { until, hold } = step;
      const parked = hold === undefined ? {} : { hold, ...(view.sidecar?.dueAt === undefined ? {} : { dueAt: null }) };
      return {
        sidecar: { ...releaseLease, ...parked, ...(until === undefined ? {} : { dueAt: until }) },
        acknowledge: entryId,
      };
    }
  }
}
