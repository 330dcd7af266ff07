/**
 * The state of tasks in Redis, shared by the functions, the dispatcher and other services.
 *
 * Terms
 * - record: the task as every program sees it, JSON under `task:{id}`;
 * - sidecar: what only we keep about a task, a hash under `dms:task:{id}`;
 * - entry: "look at task n" on the work stream; it carries no state;
 * - claim: to take an entry together with the task's lease; lease: the right to act on a task, for a limited time;
 * - commit: to change record and sidecar in one step, if both are still as they were seen;
 * - express: the short way to commit two changes that most tasks go through while nobody else touches them;
 * - hide: to make a task invisible to readers while the scheduler may still have it; purge: to remove all of it;
 * - adopt: to add a task that another program recorded to the ordered indexes.
 */

export { acknowledge, trimAcknowledged } from "./acknowledgement.ts";
export { findHold, type Hold, holdText } from "./blocks.ts";
export { buryDeleted } from "./bury.ts";
export type { Update } from "./change-task.ts";
export { type Claim, type ClaimOptions, type Claims, claim, type Taking, take } from "./claim.ts";
export { type Clock, createClock } from "./clock.ts";
export { type Change, deletionMemory } from "./commands.ts";
export { commit } from "./commit.ts";
export type { TaskStateContext } from "./context.ts";
export {
  type DeadLetter,
  type DeadLetterPage,
  discardDeadLetter,
  readDeadLetters,
  recordMalformedEntry,
} from "./dead-letters.ts";
export {
  type DispatchState,
  forgetConsumers,
  pauseDispatch,
  readDispatchState,
  resumeDispatch,
} from "./dispatch-state.ts";
export { isUnavailable, TaskStateError, type TaskStateErrorCode } from "./errors.ts";
export { type Explanation, explainTask } from "./explain.ts";
export { createExpress, type Express } from "./express.ts";
export { maxIdempotencyKeyBytes } from "./idempotency.ts";
export { dispatchGroup, identityFault, isTaskId, keys, maxIdentityBytes } from "./keys.ts";
export { giveSign, retractDispatcher } from "./leases.ts";
export { type Leftovers, removeLeftovers } from "./leftovers.ts";
export { canMove, isStatus, isTerminal, type Status, statuses, transitions } from "./lifecycle.ts";
export type { Order, Page, PageRequest, Piece, PieceReader, Scope } from "./lists.ts";
export { dueParkedUsers, releaseParked } from "./parking.ts";
export { acquirePermit, type Caps, type Permit, releasePermit, roomOf } from "./permits.ts";
export { cancellationRequested } from "./read.ts";
export { entriesById, pendingEntries, type Reclaimed, reclaimEntries } from "./reclaim.ts";
export {
  hasEnded,
  hasJobs,
  type Owner,
  type Parameters,
  parseRecord,
  type RecordChange,
  type TaskRecord,
} from "./record.ts";
export { type RedisClock, redisClock } from "./redis-clock.ts";
export { createReplicationBarrier } from "./replication.ts";
export { type Retry, retryDeadLetter } from "./retry.ts";
export { isUnsent, type Phase, type Sidecar, type SidecarPatch } from "./sidecar.ts";
export { createContext, createTaskStore, type TaskStore, type TaskStoreOptions } from "./store.ts";
export type { Submission, SubmitOptions } from "./submit.ts";
export type { Sweep } from "./sweep.ts";
export { isOver, look, type View } from "./view.ts";
export { ensureGroup, promoteDue, readEntries, type WorkEntry } from "./work-queue.ts";
