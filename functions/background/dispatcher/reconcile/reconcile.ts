import {
  acknowledge,
  type Change,
  type Claim,
  commit,
  isUnavailable,
  look,
  setAside,
  type View,
} from "../../../../task-state/index.ts";
import type { Place } from "../limits/place.ts";
import { nextStep, type Step } from "./next-step.ts";
import type { Attempt, Attendance } from "./reconciliation.ts";
import { request, submitBegun } from "./request.ts";
import { letGo, type Result } from "./store-outcome.ts";

/** More steps than a task ever takes at once; a wrong decision must not run in a circle. */
const maxSteps = 50;

/**
 * Does for a claimed task what there is to do, one step at a time, until it can be let go of. Every step is committed
 * against the task as it was seen; where somebody else was faster, the task is looked at and decided on anew. A task that
 * fails for a reason of its own is set aside, so that its entry holds up nobody.
 */
export async function attend(attendance: Attendance, claim: Claim, place: Place): Promise<void> {
  const { context, holder } = attendance;
  const aside = { id: claim.view.id, entryId: claim.entry.entryId, holder };
  try {
    if (await takeSteps(attendance, claim, place)) return;
    await setAside(context, { ...aside, reason: `it was not settled within ${maxSteps} steps` });
  } catch (error) {
    // What is wrong with this task alone would bring its entry back for ever.
    if (!isUnavailable(error))
      await setAside(context, { ...aside, reason: `it cannot be changed: ${messageOf(error)}` });
    throw error;
  }
}

/** @returns false when the task needs more steps than any ever does */
async function takeSteps(attendance: Attendance, claim: Claim, place: Place): Promise<boolean> {
  const { context, express, holder, log, policy } = attendance;
  const { entry, hold, begunAt } = claim;
  const attempt = { entryId: entry.entryId, claimedAt: claim.askedAt, place };
  let view = claim.view;
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const result =
      begunAt !== undefined && steps === 0 && view.record
        ? await submitBegun(attendance, view, view.record, { ...attempt, finish: () => express.finish(claim) })
        : await take(attendance, view, nextStep(view, policy, hold), attempt);
    if (result === "done") return true;
    if (result) {
      view = result;
      continue;
    }
    view = await look(context, view.id);
    if (view.unreadable !== undefined && !view.sidecar) continue;
    if (!view.sidecar) {
      await acknowledge(context.primary, entry.entryId);
      return true;
    }
    if (view.sidecar.lease !== holder) return true;
  }
  log.error({ task: view.id }, "A task was not brought to rest; it will be looked at again");
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function take(attendance: Attendance, view: View, step: Step, attempt: Attempt): Promise<Result> {
  const { context, holder } = attendance;
  if (step.kind === "submit" || step.kind === "cancel") return request(attendance, view, step.kind, attempt);
  if (step.kind === "set_aside") {
    await setAside(context, { id: view.id, reason: step.reason, entryId: attempt.entryId, holder });
    return "done";
  }
  const written = await commit(context, view, changeOf(view, step, attempt.entryId));
  return written && step.kind !== "write" ? "done" : written;
}

function changeOf(
  view: View,
  step: Exclude<Step, { kind: "submit" | "cancel" | "set_aside" }>,
  entryId: string,
): Change {
  switch (step.kind) {
    case "purge":
      return { remove: "purge", acknowledge: entryId };
    case "write":
      return step.change;
    case "rest": {
      const { until, hold } = step;
      const parked = hold === undefined ? {} : { hold, ...(view.sidecar?.dueAt === undefined ? {} : { dueAt: null }) };
      return {
        sidecar: { ...letGo, ...parked, ...(until === undefined ? {} : { dueAt: until }) },
        acknowledge: entryId,
      };
    }
  }
}
