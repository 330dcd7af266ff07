import { setTimeout } from "node:timers/promises";
import { canMove, type Status } from "../record/lifecycle.ts";
import { hasEnded, type Owner, type RecordChange, type TaskRecord } from "../record/record.ts";
import { shownText } from "../record/shown-record.ts";
import { TaskStateError } from "../redis/errors.ts";
import type { Change } from "./commands.ts";
import { commit } from "./commit.ts";
import type { TaskStateContext } from "./context.ts";
import { deleteUnreadable } from "./delete-unreadable.ts";
import { ownerRequest } from "./owner-request.ts";
import { refuseUnreadable } from "./quarantine.ts";
import { belongsTo, cancellationRequested, readTask, withDeferredCancel } from "./read.ts";
import { isRunByItsService, isUnsent } from "./sidecar.ts";
import { readView, type View } from "./view.ts";

/** A view whose record can be read. */
interface Seen extends View {
  readonly raw: string;
  readonly record: TaskRecord;
}

/** How often a change is decided anew because another writer was faster. */
const maxTries = 16;

/** The result of an update: done, no such task, or a transition that the lifecycle forbids. */
export type Update =
  | { readonly outcome: "updated"; readonly record: TaskRecord }
  | { readonly outcome: "not_found" }
  | { readonly outcome: "refused"; readonly from: Status; readonly to: Status };

/**
 * Changes a record's fields by compare-and-set on its stored text; keeps unknown fields.
 * @throws TaskStateError `contended` when other writers are always faster, `unreadable` when the task cannot be read
 */
export async function updateTask(context: TaskStateContext, id: string, change: RecordChange): Promise<Update> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const view = await visible(context, await readView(context, id), undefined);
    if (!view) return { outcome: "not_found" };
    const from = view.record.status;
    const to = change.status ?? from;
    if (!canMove(from, to)) return { outcome: "refused", from, to };
    const done = await commit(context, view, { record: change });
    if (done?.record) return { outcome: "updated", record: done.record };
    await backOff(tries);
  }
  throw contended(id);
}

/**
 * Cancels a task that has not ended: at once if the scheduler never had it, by its record alone if the service that
 * registered it runs it, else through the dispatcher. The request is durable; repeating it changes nothing, unless the
 * cancellation is a dead letter: then it is retried.
 * @returns the current JSON of the task, or `undefined` when there is none for this owner
 * @throws TaskStateError `unreadable` when the task cannot be read
 */
export function cancelTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<string | undefined> {
  return decideAndCommit(context, id, owner, (view) => {
    const { record, raw, sidecar } = view;
    const shown = () => shownText(record, raw);
    if (hasEnded(record)) return { shown };
    if (isUnsent(record, sidecar)) {
      const logs = [cancellationRequested, "Cancelled before it was submitted"];
      // `want` stays: a writer without compare-and-set may still put the record back to `pending`. If neither a due time nor
      // a hold leads a dispatcher to the task any more, an entry does.
      const enqueue = sidecar?.dueAt !== undefined || sidecar?.hold !== undefined;
      return {
        change: {
          record: { status: "cancelled", logs },
          sidecar: { want: "cancel", dueAt: null, hold: null },
          enqueue,
        },
      };
    }
    if (sidecar?.phase === "sending") {
      if (sidecar.want !== undefined) return { shown: () => readTask(context, id, owner) };
      const since = context.clock();
      return {
        shown: () => withDeferredCancel(record, raw, since),
        change: { sidecar: { want: "cancel", wantedAt: since }, deferCancel: since, enqueue: true },
      };
    }
    const requested = record.status === "cancel_requested";
    const request: RecordChange = requested ? {} : { status: "cancel_requested", logs: [cancellationRequested] };
    // The service finds the request in the record, cannot set that back to running, and reports there when it has stopped.
    if (isRunByItsService(record, sidecar)) return requested ? { shown } : { change: { record: request } };
    if (requested && sidecar?.want !== undefined && sidecar.dead === undefined) return { shown };
    const since = context.clock();
    const { sidecar: wanted, ...rest } = ownerRequest("cancel", sidecar);
    // Readers see the request until it is confirmed: a writer without compare-and-set may remove it from the record.
    const change = { ...rest, sidecar: { ...wanted, wantedAt: since, wantLogged: 1 }, deferCancel: since };
    return { change: { record: request, ...change } };
  });
}

/**
 * Deletes a task: no reader sees it any more. If the scheduler may have it, the record stays hidden in Redis until the
 * scheduler confirms the cancellation; else it is removed at once. Only an operator, who gives no owner, can delete a task that
 * cannot be read.
 * @returns the JSON of the task as it was, or `undefined` when there is none for this owner
 * @throws TaskStateError `unreadable` when the owner's task cannot be read
 */
export function deleteTask(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
): Promise<string | undefined> {
  const decide = (view: Seen): Decision => {
    const shown = () => shownText(view.record, view.raw);
    const { record, sidecar } = view;
    const nowhereElse = isUnsent(record, sidecar) || isRunByItsService(record, sidecar);
    if (hasEnded(record) || nowhereElse) return { shown, change: { remove: "purge" } };
    return { shown, change: { remove: "hide", ...ownerRequest("delete", sidecar) } };
  };
  return decideAndCommit(context, id, owner, decide, owner ? undefined : deleteUnreadable);
}

interface Decision {
  readonly change?: Change;
  /** What the caller gets; the committed record if absent. */
  readonly shown?: () => string | undefined | Promise<string | undefined>;
}

async function decideAndCommit(
  context: TaskStateContext,
  id: string,
  owner: Owner | undefined,
  decide: (view: Seen) => Decision,
  /** Handles a task that cannot be read; returns `undefined` when another writer was faster. */
  handleUnreadable?: (context: TaskStateContext, view: View) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const seen = await readView(context, id);
    // A deleted task that became unreadable since cannot be completed, so it is deleted again.
    if (handleUnreadable && seen.unreadable !== undefined && (!seen.deleted || seen.sidecar)) {
      const handled = await handleUnreadable(context, seen);
      if (handled !== undefined) return handled;
      await backOff(tries);
      continue;
    }
    const view = await visible(context, seen, owner);
    if (!view) return undefined;
    const { change, shown } = decide(view);
    const done = change ? await commit(context, view, change) : view;
    if (done) return shown ? shown() : shownText(done.record ?? view.record, done.raw ?? view.raw);
    await backOff(tries);
  }
  throw contended(id);
}

async function visible(context: TaskStateContext, view: View, owner: Owner | undefined): Promise<Seen | undefined> {
  const { id, raw, record, deleted, unreadable } = view;
  if (unreadable !== undefined && !deleted) await refuseUnreadable(context, { id, reason: unreadable }, owner);
  if (deleted || raw === null || record === undefined) return undefined;
  if (owner && !belongsTo(record, owner)) return undefined;
  return { ...view, raw, record };
}

/** Waits before the next attempt. Random, because writers that started together would collide at each attempt. */
async function backOff(tries: number): Promise<void> {
  if (tries > 0) await setTimeout(Math.random() * 2 ** Math.min(tries, 6));
}

function contended(id: string): TaskStateError {
  return new TaskStateError("contended", `Task ${id} is being changed by others; try again`);
}
