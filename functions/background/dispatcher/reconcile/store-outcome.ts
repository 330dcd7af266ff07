import { setTimeout as delay } from "node:timers/promises";
import {
  type Change,
  commit,
  isUnavailable,
  look,
  releaseParked,
  type Sidecar,
  type SidecarPatch,
  TaskStateError,
  type View,
} from "../../../../task-state/index.ts";
import { isCapped } from "../limits/policy.ts";
import type { Outcome } from "../scheduler/outcome.ts";
import type { Attempt, Attendance } from "./reconciliation.ts";
import { settleCancellation, settleSubmission } from "./settle.ts";

/** The task afterwards; `done` when it was let go of; nothing when it had changed and must be looked at again. */
export type Result = View | "done" | undefined;

export type Request = "submit" | "cancel";

/** Gives the lease back. */
export const letGo: SidecarPatch = { lease: null, leaseUntil: null };

/** What has become of a request, and the task as its begin has left it. */
export interface Known extends Attempt {
  readonly begun: View;
  readonly kind: Request;
  readonly outcome: Outcome;
}

/** How often a settlement is decided anew because another writer was faster. */
const maxTries = 50;
/** Waits between two attempts to store an outcome, in ms: they double from the first to the longest. */
const [firstPause, longestPause] = [50, 1000];
/** Attempts against errors that are not an outage. Such an error is the task's own, and will not pass by itself. */
const maxErrors = 8;

/**
 * Stores what an outcome changes, against the task as it is by then. The outcome is kept, in its place and with its lease,
 * until Redis has stored it, however long Redis is unavailable or refuses writes, or until another attempt has
 * begun meanwhile: nobody but this process knows it, and without it the task would be submitted again.
 * @throws the error of Redis when the dispatcher has to end, or when only this task cannot be stored
 */
export async function storeOutcome(attendance: Attendance, known: Known): Promise<Result> {
  const { context, hurry, log } = attendance;
  const { begun, kind, outcome, place } = known;
  for (let failures = 0; ; failures += 1) {
    try {
      if (failures === 0) return await storeAsBegun(attendance, known);
      return await storeAgainst(attendance, known, await look(context, begun.id));
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const fields = { task: begun.id, request: kind, outcome, cause };
      if (failures === 0) log.warn(fields, "An outcome could not be stored yet; it is kept until it is");
      if (hurry.aborted || (!isUnavailable(error) && failures >= maxErrors)) {
        log.error(fields, "An outcome was not stored");
        throw error;
      }
      place.keep();
      const pause = Math.min(longestPause, firstPause * 2 ** Math.min(failures, 10));
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal: hurry }).catch(() => {});
    }
  }
}

/** Most tasks are still as they were begun: those of an accepted submission that was begun by its claim are finished in one step. */
async function storeAsBegun(attendance: Attendance, known: Known): Promise<Result> {
  const { begun, outcome, finish, place } = known;
  if (!finish || outcome.kind !== "accepted") return storeAgainst(attendance, known, begun);
  place.leave();
  const left = await finish();
  return left ? storeAgainst(attendance, known, left) : "done";
}

async function storeAgainst(attendance: Attendance, known: Known, view: View): Promise<Result> {
  const { context, holder, policy } = attendance;
  const { begun, kind, outcome, entryId, place } = known;
  const capped = kind === "submit" && isCapped(policy);
  const decide = kind === "submit" ? settleSubmission : settleCancellation;
  let seen = view;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { sidecar } = seen;
    if (!sidecar) return undefined;
    const ours = sidecar.lease === holder;
    if (!isOpen(sidecar, known, ours)) return ours ? seen : "done";
    const { change, done } = decide(seen, outcome, policy);
    if (done) place.leave();
    const stored = await commit(context, seen, {
      ...change,
      ...(capped ? { releasePermit: true } : {}),
      ...endOf(change, sidecar, ours, done, entryId),
    });
    // Whoever is not let go of here is found by the next look at what is parked.
    if (stored && capped) await releaseParked(context.primary, begun.record?.user_id ?? "", 1).catch(() => {});
    if (stored) return done || !ours ? "done" : stored;
    seen = await look(context, seen.id);
  }
  throw new TaskStateError("contended", `Task ${begun.id} is being changed by others all the time`);
}

/** True while nobody has stored what has become of this very attempt, nor begun another one. */
function isOpen(sidecar: Sidecar, { kind, begun, outcome }: Known, ours: boolean): boolean {
  if (kind === "cancel") {
    if (sidecar.cancelTries !== begun.sidecar?.cancelTries || sidecar.confirmedAt !== undefined) return false;
    return ours || (outcome.kind === "accepted" && sidecar.dead === undefined);
  }
  if (sidecar.tries !== begun.sidecar?.tries) return false;
  if (sidecar.phase === "sending") return ours || outcome.kind !== "unknown_fate";
  // Somebody has judged the attempt by the record alone, and has not sent it again yet.
  const isFinal = outcome.kind === "accepted" || outcome.kind === "refused";
  return sidecar.phase === "queued" && sidecar.doubtful !== undefined && isFinal;
}

/** What goes with the change: the end of the lease, if it is ours; else the end of what the task waited for. */
function endOf({ sidecar: patch }: Change, sidecar: Sidecar, ours: boolean, done: boolean, entryId: string): Change {
  if (ours) return done ? { sidecar: { ...patch, ...letGo }, acknowledge: entryId } : {};
  const waits: SidecarPatch = {
    ...(sidecar.dueAt === undefined || patch?.dueAt !== undefined ? {} : { dueAt: null }),
    ...(sidecar.hold === undefined || patch?.hold !== undefined ? {} : { hold: null }),
  };
  return { sidecar: { ...patch, ...waits }, enqueue: true };
}
