import { setTimeout as delay } from "node:timers/promises";
import {
  type Change,
  commit,
  isUnavailable,
  readView,
  releaseParked,
  type Sidecar,
  type SidecarPatch,
  TaskStateError,
  type View,
} from "../../../../task-state/index.ts";
import { isCapped } from "../limits/policy.ts";
import type { Outcome } from "../scheduler/outcome.ts";
import type { Attempt, Reconciliation } from "./reconciliation.ts";
import { settleCancellation, settleSubmission } from "./settle.ts";
import { taskFields } from "./task-fields.ts";

/** The task afterwards; `done` when its lease is released; `undefined` when it changed and must be read again. */
export type Result = View | "done" | undefined;

export type Request = "submit" | "cancel";

/** Releases the lease. */
export const releaseLease: SidecarPatch = { lease: null, leaseUntil: null };

/** The outcome of a request, and the task as it was when the request began. */
export interface Known extends Attempt {
  readonly begun: View;
  readonly kind: Request;
  readonly outcome: Outcome;
}

/** How often a settlement is retried because another writer was faster. */
const maxTries = 50;
/** Waits between two attempts to store an outcome, in ms: doubled from the first to the longest. */
const [firstPause, longestPause] = [50, 1000];
/** Retries after errors that are no outage: such an error belongs to the task and does not pass by itself. */
const maxErrors = 8;

/**
 * Stores what an outcome changes, against the task's current state. The outcome keeps its permit and its lease until Redis
 * stores it, however long Redis is unavailable or refuses writes, or until another attempt begins: only this process knows the
 * outcome, and without it the task would be submitted again.
 * @throws the error of Redis when the dispatcher is forced to stop, or when the error concerns this task alone
 */
export async function storeOutcome(reconciliation: Reconciliation, known: Known): Promise<Result> {
  const { context, forceStop, log } = reconciliation;
  const { begun, kind, outcome, permit } = known;
  for (let failures = 0; ; failures += 1) {
    try {
      if (failures === 0) return await storeAsBegun(reconciliation, known);
      return await storeAgainst(reconciliation, known, await readView(context, begun.id));
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const fields = { ...taskFields(begun), request: kind, outcome, cause };
      if (failures === 0)
        log.warn(fields, "could not store the outcome of a request; the dispatcher keeps it and retries");
      if (forceStop.aborted || (!isUnavailable(error) && failures >= maxErrors)) {
        log.error(fields, "the outcome of a request was lost: it could not be stored");
        throw error;
      }
      permit.reacquire();
      const pause = Math.min(longestPause, firstPause * 2 ** Math.min(failures, 10));
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal: forceStop }).catch(() => {});
    }
  }
}

/** Most tasks have not changed since they began: an accepted submission that its claim began is finished in one step. */
async function storeAsBegun(reconciliation: Reconciliation, known: Known): Promise<Result> {
  const { begun, outcome, finish, permit } = known;
  if (!finish || outcome.kind !== "accepted") return storeAgainst(reconciliation, known, begun);
  permit.release();
  const left = await finish();
  return left ? storeAgainst(reconciliation, known, left) : "done";
}

async function storeAgainst(reconciliation: Reconciliation, known: Known, view: View): Promise<Result> {
  const { context, holder, policy } = reconciliation;
  const { begun, kind, outcome, entryId, permit } = known;
  const capped = kind === "submit" && isCapped(policy);
  const decide = kind === "submit" ? settleSubmission : settleCancellation;
  let seen = view;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { sidecar } = seen;
    if (!sidecar) return undefined;
    const ours = sidecar.lease === holder;
    if (!isOpen(sidecar, known, ours)) return ours ? seen : "done";
    const { change, done } = decide(seen, outcome, policy);
    if (done) permit.release();
    const stored = await commit(context, seen, {
      ...change,
      ...(capped ? { releasePermit: true } : {}),
      ...endOf(change, sidecar, ours, done, entryId),
    });
    // If this release fails, the next check of parked tasks makes up for it.
    if (stored && capped) await releaseParked(context.primary, begun.record?.user_id ?? "", 1).catch(() => {});
    if (stored) return done || !ours ? "done" : stored;
    seen = await readView(context, seen.id);
  }
  throw new TaskStateError(
    "contended",
    `Task ${begun.id} was not changed: other writers were faster in ${maxTries} attempts`,
  );
}

/** True while the outcome of this attempt is not stored and no other attempt has begun. */
function isOpen(sidecar: Sidecar, { kind, begun, outcome }: Known, ours: boolean): boolean {
  if (kind === "cancel") {
    if (sidecar.cancelTries !== begun.sidecar?.cancelTries || sidecar.confirmedAt !== undefined) return false;
    return ours || (outcome.kind === "accepted" && sidecar.dead === undefined);
  }
  if (sidecar.tries !== begun.sidecar?.tries) return false;
  if (sidecar.phase === "sending") return ours || outcome.kind !== "unknown_fate";
  // Another dispatcher judged the attempt by the record alone, and has not sent it again.
  const isFinal = outcome.kind === "accepted" || outcome.kind === "refused";
  return sidecar.phase === "queued" && sidecar.doubtful !== undefined && isFinal;
}

/** Completes the change: releases the lease if it is ours, else ends the task's waits and enqueues it. */
function endOf({ sidecar: patch }: Change, sidecar: Sidecar, ours: boolean, done: boolean, entryId: string): Change {
  if (ours) return done ? { sidecar: { ...patch, ...releaseLease }, acknowledge: entryId } : {};
  const waits: SidecarPatch = {
    ...(sidecar.dueAt === undefined || patch?.dueAt !== undefined ? {} : { dueAt: null }),
    ...(sidecar.hold === undefined || patch?.hold !== undefined ? {} : { hold: null }),
  };
  return { sidecar: { ...patch, ...waits }, enqueue: true };
}
