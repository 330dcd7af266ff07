import { hasEnded, untouched } from "../record/record.ts";
import { TaskStateError } from "../redis/errors.ts";
import { commit } from "../task/commit.ts";
import type { TaskStateContext } from "../task/context.ts";
import { readView } from "../task/view.ts";
import { findDeadLetter } from "./dead-letters.ts";
import { restore } from "./restore.ts";

/** What became of sending a dead letter again. */
export type Retry =
  | { readonly outcome: "queued"; readonly raw: string }
  /** No such letter, or its task is gone. */
  | { readonly outcome: "not_found" }
  /** The task has found another ending meanwhile, or the letter is of no task: there is nothing to send. */
  | { readonly outcome: "not_retryable" }
  /** The task cannot be read, for this reason. */
  | { readonly outcome: "unreadable"; readonly reason: string };

function isEntryId(name: string): boolean {
  return /^\d+-\d+$/.test(name);
}

/** How often the retry is decided anew because another writer was faster. */
const maxTries = 16;

/**
 * Sends a dead letter again: a failed submission goes back to `pending`, the one way out of a terminal status, and only an
 * operator takes it; a cancellation is asked for anew; a task that can be read again goes on. The letter leaves the list in the
 * same step.
 */
export async function retryDeadLetter(context: TaskStateContext, id: string): Promise<Retry> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const letter = await findDeadLetter(context.primary, id);
    if (!letter) return { outcome: "not_found" };
    // A letter of an entry, not of a task.
    if (letter.request === "read" && isEntryId(id)) return { outcome: "not_retryable" };
    const view = await readView(context, id);
    if (view.unreadable !== undefined) return { outcome: "unreadable", reason: view.unreadable };
    if (letter.request === "read") await restore(context, view);
    if (!view.record || view.raw === null) return { outcome: "not_found" };
    if (letter.request === "read") return { outcome: "queued", raw: view.raw };
    const submission = letter.request === "submit";
    const retryable = submission ? view.record.status === "failed" : !hasEnded(view.record);
    if (!retryable) return { outcome: "not_retryable" };
    const again = { dead: null, error: null, tries: null, dueAt: null };
    const done = await commit(context, view, {
      record: submission
        ? // What an earlier run has left must not be taken for a sign of the next one.
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
    if (done?.raw) return { outcome: "queued", raw: done.raw };
  }
  throw new TaskStateError("contended", `Task ${id} is being changed by others; try again`);
}
