import type { Status } from "../record/lifecycle.ts";
import { hasEnded, untouched } from "../record/record.ts";
import { shownText } from "../record/shown-record.ts";
import { TaskStateError } from "../redis/errors.ts";
import { commit } from "../task/commit.ts";
import type { TaskStateContext } from "../task/context.ts";
import { readView } from "../task/view.ts";
import { findDeadLetter } from "./dead-letters.ts";
import { restore } from "./restore.ts";

/** The result of retrying a dead letter. */
export type Retry =
  | { readonly outcome: "queued"; readonly raw: string }
  /** There is no such letter, or its task is gone. */
  | { readonly outcome: "not_found" }
  /** Another request removed the letter meanwhile: it retried or discarded it, or the owner cancelled or deleted the task. */
  | { readonly outcome: "removed" }
  /** Another program gave the task this status since, so there is nothing to send. */
  | { readonly outcome: "not_retryable"; readonly status: Status }
  /** The letter belongs to an entry of the work stream that names no task. */
  | { readonly outcome: "no_task" }
  /** The task cannot be read, for this reason. */
  | { readonly outcome: "unreadable"; readonly reason: string };

function isEntryId(name: string): boolean {
  return /^\d+-\d+$/.test(name);
}

/** How often the retry is decided anew because another writer was faster. */
const maxTries = 16;

/**
 * Retries a dead letter: a failed submission returns to `pending`, the only way out of a terminal status and reserved to
 * operators; a cancellation is requested again; a task that can be read again continues. The same step removes the letter.
 */
export async function retryDeadLetter(context: TaskStateContext, id: string): Promise<Retry> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const letter = await findDeadLetter(context.primary, id);
    if (!letter) return { outcome: tries === 0 ? "not_found" : "removed" };
    if (letter.request === "read" && isEntryId(id)) return { outcome: "no_task" };
    const view = await readView(context, id);
    if (view.unreadable !== undefined) return { outcome: "unreadable", reason: view.unreadable };
    if (letter.request === "read") await restore(context, view);
    if (!view.record || view.raw === null) return { outcome: "not_found" };
    if (letter.request === "read") return { outcome: "queued", raw: shownText(view.record, view.raw) };
    // The sidecar names the letter until one step removes both, so another request may have come between the two reads.
    if (view.sidecar?.dead !== letter.request && !(await findDeadLetter(context.primary, id)))
      return { outcome: "removed" };
    const submission = letter.request === "submit";
    const retryable = submission ? view.record.status === "failed" : !hasEnded(view.record);
    if (!retryable) return { outcome: "not_retryable", status: view.record.status };
    const again = { dead: null, error: null, tries: null, dueAt: null };
    const done = await commit(context, view, {
      record: submission
        ? // Results of an earlier run must not count as evidence of the next one.
          { status: "pending", ...untouched, logs: ["Submission is tried again by an operator"] }
        : { logs: ["Cancellation is tried again by an operator"] },
      sidecar: submission
        ? {
            ...again,
            phase: "queued",
            attempts: 0,
            foreignLogs: null,
            renewedAt: view.now,
            generation: (view.sidecar?.generation ?? 0) + 1,
          }
        : { ...again, cancelAttempts: 0, cancelTries: null },
      deadLetter: null,
      enqueue: true,
    });
    if (done?.raw) return { outcome: "queued", raw: shownText(done.record ?? view.record, done.raw) };
  }
  throw new TaskStateError("contended", `Task ${id} is being changed by others; try again`);
}
