import { commit, releasePermit, type TaskRecord, type View } from "../../../../task-state/index.ts";
import type { Admission } from "../limits/circuit-breaker.ts";
import { isCapped } from "../limits/policy.ts";
import { awaitPermit, type PermitDecision } from "../limits/user-permit.ts";
import type { Outcome } from "../scheduler/outcome.ts";
import type { Attempt, Reconciliation } from "./reconciliation.ts";
import { beginCancellation, beginSubmission } from "./settle.ts";
import { type Request, type Result, releaseLease, storeOutcome } from "./store-outcome.ts";
import { taskFields } from "./task-fields.ts";

/** Sends one request to the scheduler between two commits, if circuit breaker, limits and lease allow it. */
export async function request(
  reconciliation: Reconciliation,
  view: View,
  kind: Request,
  attempt: Attempt,
): Promise<Result> {
  const { context, breaker, policy, stopping } = reconciliation;
  const acknowledge = attempt.entryId;
  const handBack = async () =>
    (await commit(context, view, { sidecar: releaseLease, enqueue: true, acknowledge })) && ("done" as const);
  const admission = stopping.aborted ? undefined : breaker.admit();
  if (!admission) return handBack();
  try {
    const capped = kind === "submit" && isCapped(policy);
    const decision: PermitDecision = capped ? await awaitPermit(context, view, policy, stopping) : { kind: "granted" };
    if (decision.kind === "timed_out") return await handBack();
    if (decision.kind === "held") {
      return (
        (await commit(context, view, { sidecar: { ...releaseLease, hold: decision.hold }, acknowledge })) && "done"
      );
    }
    const releasePermitIfCapped = async () => {
      if (capped) await releasePermit(context.primary, view.id, view.sidecar?.user ?? "");
    };
    if (isTooLate(reconciliation, attempt)) {
      await releasePermitIfCapped();
      return await handBack();
    }
    const begun = await commit(
      context,
      view,
      kind === "submit" ? beginSubmission(view, policy) : beginCancellation(view),
    );
    if (begun === undefined) await releasePermitIfCapped();
    return begun?.record && (await deliver(reconciliation, begun, begun.record, kind, attempt, admission));
  } finally {
    admission();
  }
}

/** Sends a submission that the claim began. */
export function submitBegun(
  reconciliation: Reconciliation,
  view: View,
  record: TaskRecord,
  attempt: Attempt,
): Promise<Result> {
  return deliver(reconciliation, view, record, "submit", attempt, reconciliation.breaker.admitBegun());
}

/** True when this process was suspended, or waited for Redis, for so long that another one may take over the task. */
function isTooLate({ policy, forceStop }: Reconciliation, { claimedAt }: Attempt): boolean {
  return forceStop.aborted || performance.now() - claimedAt > policy.lease / 2;
}

/** The outcome of a request that began and was not sent. */
const notSent: Outcome = { kind: "not_started", cause: "a delay of the dispatcher", unavailable: true };

/** Sends the request that record and sidecar announce, and stores its outcome. */
async function deliver(
  reconciliation: Reconciliation,
  begun: View,
  record: TaskRecord,
  kind: Request,
  attempt: Attempt,
  admission: Admission,
): Promise<Result> {
  let outcome = notSent;
  // Checked after the commit, whose reply may have taken long.
  if (isTooLate(reconciliation, attempt)) admission();
  else {
    outcome = await send(reconciliation, kind, record, begun);
    admission(outcome);
  }
  // Waits count from the answer, not from the claim.
  const passed = Math.round(performance.now() - attempt.claimedAt);
  const answered = { ...begun, now: begun.now + passed, watched: begun.watched + passed };
  return storeOutcome(reconciliation, { ...attempt, begun: answered, kind, outcome });
}

async function send(
  { client, log, forceStop }: Reconciliation,
  kind: Request,
  record: TaskRecord,
  begun: View,
): Promise<Outcome> {
  const sentAt = performance.now();
  const { trace, generation = 0 } = begun.sidecar ?? {};
  const fields = { ...taskFields(begun), request: kind };
  const outcome = await client[kind](record, forceStop, { trace, generation, fields });
  const ms = Math.round(performance.now() - sentAt);
  const accepted = outcome.kind === "accepted";
  if (!accepted) log.warn({ ...fields, outcome, ms }, "scheduler did not accept the request");
  else if (log.isLevelEnabled("debug")) log.debug({ ...fields, ms }, "scheduler accepted the request");
  return outcome;
}
