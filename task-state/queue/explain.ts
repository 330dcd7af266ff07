import { hasEnded, type Owner, type TaskRecord } from "../record/record.ts";
import { keys } from "../redis/keys.ts";
import type { TaskStateContext } from "../task/context.ts";
import { refuseUnreadable } from "../task/quarantine.ts";
import { belongsTo } from "../task/read.ts";
import type { Sidecar } from "../task/sidecar.ts";
import { readView, type View } from "../task/view.ts";
import { findHold, holdText } from "./blocks.ts";
import { readGroup } from "./dispatch-state.ts";

/** Why a task is in its state: one sentence for people, and the facts behind it. */
export interface Explanation {
  readonly explanation: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Explains the state of an owner's task (of any task if no owner is given), in O(1); `undefined` when there is none.
 * @throws TaskStateError `unreadable` when the task cannot be read
 */
export async function explainTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<Explanation | undefined> {
  const view = await readView(context, id);
  const { record, deleted, unreadable } = view;
  if (unreadable !== undefined && !deleted) await refuseUnreadable(context, { id, reason: unreadable }, owner);
  if (!record || deleted || (owner && !belongsTo(record, owner))) return undefined;
  const facts = factsOf(view, record);
  return { explanation: await sentence(context, view, record, facts), facts };
}

type Facts = Record<string, string | number | boolean>;

function factsOf({ sidecar, now }: View, record: TaskRecord): Facts {
  const facts: Facts = { status: record.status, phase: sidecar?.phase ?? "foreign" };
  if (!sidecar) return facts;
  facts.attempts = sidecar.attempts;
  if (sidecar.cancelAttempts > 0) facts.cancel_attempts = sidecar.cancelAttempts;
  if (sidecar.error !== undefined) facts.last_error = sidecar.error;
  if (sidecar.want !== undefined) facts.wanted = sidecar.want;
  if (sidecar.dead !== undefined) facts.given_up = sidecar.dead;
  if (sidecar.hold !== undefined) facts.hold = sidecar.hold;
  if (sidecar.dueAt !== undefined && !hasEnded(record))
    facts.next_in_seconds = Math.max(0, Math.ceil((sidecar.dueAt - now) / 1000));
  if (sidecar.lease !== undefined) facts.being_handled = true;
  return facts;
}

async function sentence(context: TaskStateContext, view: View, record: TaskRecord, facts: Facts): Promise<string> {
  const { sidecar } = view;
  if (hasEnded(record)) {
    return sidecar?.dead !== "submit"
      ? `ended: ${record.status}`
      : `ended: ${record.status}, given up after ${sidecar.attempts} attempts (${sidecar.error ?? "unknown cause"})`;
  }
  if (!sidecar) return `${record.status}: brought in by another program`;
  if (sidecar.want !== undefined) return cancelSentence(sidecar, facts);
  switch (sidecar.phase) {
    case "external":
      return record.status === "cancel_requested"
        ? "cancel requested: the service that runs the task has not stopped yet"
        : `${record.status}: run by the service that registered it`;
    case "foreign":
      return `${record.status}: run by another program`;
    case "sent":
      return record.status === "running" ? "running at the scheduler" : "sent, the scheduler has not started it yet";
    case "sending":
      return sidecar.error === undefined
        ? "being sent to the scheduler"
        : `attempt ${sidecar.tries ?? sidecar.attempts} ended without a clear answer (${sidecar.error}); its fate is checked ${soon(facts, "at least ")}`;
    case "queued":
      return queuedSentence(context, view.id, sidecar, facts);
  }
}

function cancelSentence(sidecar: Sidecar, facts: Facts): string {
  if (sidecar.dead !== undefined)
    return `cancel given up (${sidecar.error ?? "unknown cause"}): an operator must look at it`;
  if (sidecar.confirmedAt !== undefined) return "cancel confirmed by the scheduler";
  if (sidecar.phase === "sending") return "cancel waits for the end of the submission";
  const { cancelAttempts, cancelTries = cancelAttempts, error } = sidecar;
  if (cancelTries === 0) return "cancel requested, not sent yet";
  if (error === undefined) return "cancel sent, not confirmed";
  return `cancel sent, not confirmed: attempt ${cancelTries} failed with ${error}, next ${soon(facts)}`;
}

async function queuedSentence(context: TaskStateContext, id: string, sidecar: Sidecar, facts: Facts): Promise<string> {
  const hold = await findHold(context.primary, sidecar.user);
  if (hold !== undefined) return `held: ${holdText(hold, sidecar.user)}`;
  if (sidecar.hold !== undefined && (await isParked(context, id, sidecar))) return `held: ${sidecar.hold}`;
  if (sidecar.error !== undefined) {
    return `attempt ${sidecar.tries ?? sidecar.attempts} failed with ${sidecar.error}, next ${soon(facts)}`;
  }
  const { entriesRead, lag } = await readGroup(context.primary);
  // A lost stream counts its entries anew; the lag limits the result.
  const ahead = Math.min((sidecar.place ?? 0) - (entriesRead ?? 0), lag ?? Number.POSITIVE_INFINITY) - 1;
  if (ahead < 0 || entriesRead === null) return "waiting for a dispatcher to take it up";
  facts.ahead = ahead;
  return ahead === 0 ? "waiting as the next one" : `waiting behind ${ahead} ${ahead === 1 ? "other" : "others"}`;
}

/** A task keeps its last hold until it is sent, even after the hold ends. */
async function isParked({ primary }: TaskStateContext, id: string, { user }: Sidecar): Promise<boolean> {
  return (await primary.zscore(keys.parked(user), id)) !== null;
}

function soon({ next_in_seconds: seconds }: Facts, bound = ""): string {
  return seconds === undefined || seconds === 0 ? "at once" : `in ${bound}${seconds} s`;
}
