/**
 * The state of tasks in Redis, shared by the functions, the dispatcher and other services.
 *
 * Terms
 * - record: the task as every program sees it, JSON under `task:{id}`; other programs rewrite it whole.
 * - sidecar: what only we keep about a task, a hash under `dms:task:{id}`: progress, attempts, due time, lease.
 * - claim: to take a queue entry together with its task's lease, in one script.
 * - lease: the right of one dispatcher to act on a task; it lasts while the dispatcher's heartbeats do, and a while
 *   longer.
 * - fast path: one script that claims and begins many untouched tasks, and one that finishes them; every other task
 *   takes the slow path, one commit at a time.
 * - park: to hold a task back, without a lease, while a block, a pause or a limit applies.
 * - dead letter: a submission or cancellation that failed for good, or an unreadable task, listed for an operator.
 * - adopt: to add a task that another program has recorded to our ordered indexes, so that lists show it.
 */

export type { Order, Page, PageRequest, Piece, PieceReader, Scope } from "./lists/lists.ts";
export type { Sweep } from "./lists/sweep.ts";
export { enforceTombstones } from "./lists/tombstones.ts";
export { acknowledge, trimAcknowledged } from "./queue/acknowledgement.ts";
export { findHold, type Hold, holdText } from "./queue/blocks.ts";
export { type Claim, type ClaimOptions, type Claims, claim, type ReadClaims, readAndClaim } from "./queue/claim.ts";
export {
  type DeadLetterPage,
  discardDeadLetter,
  readDeadLetters,
  recordMalformedEntry,
} from "./queue/dead-letters.ts";
export {
  type DispatchState,
  forgetConsumers,
  pauseDispatch,
  readDispatchState,
  resumeDispatch,
} from "./queue/dispatch-state.ts";
export { type Explanation, explainTask } from "./queue/explain.ts";
export { createFastPath, type FastPath } from "./queue/fast-path.ts";
export { deregisterDispatcher, sendHeartbeat } from "./queue/leases.ts";
export { type Leftovers, removeLeftovers } from "./queue/leftovers.ts";
export { dueParkedUsers, releaseParked } from "./queue/parking.ts";
export { acquirePermit, availablePermits, type Caps, type Permit, releasePermit } from "./queue/permits.ts";
export { entriesById, pendingEntries, type Reclaimed, reclaimEntries } from "./queue/reclaim.ts";
export { restoreReadable } from "./queue/restore.ts";
export { type Retry, retryDeadLetter } from "./queue/retry.ts";
export { ensureGroup, promoteDue, readEntries, type WorkEntry } from "./queue/work-queue.ts";
export { type Clock, createClock } from "./record/clock.ts";
export { canMove, isStatus, isTerminal, type Status, statuses, transitions } from "./record/lifecycle.ts";
export {
  hasEnded,
  hasJobs,
  type Owner,
  type Parameters,
  type RecordChange,
  type TaskRecord,
} from "./record/record.ts";
export { maxRecordBytes, type RecordReading, readRecord } from "./record/record-reader.ts";
export type { ShownRecord } from "./record/shown-record.ts";
export { textFault } from "./record/text-fault.ts";
export {
  isUnavailable,
  TaskStateError,
  type TaskStateErrorCode,
  type Unavailability,
  unavailabilityOf,
} from "./redis/errors.ts";
export { dispatchGroup, identityFault, isTaskId, keys, maxIdentityBytes, mayNameTask } from "./redis/keys.ts";
export { deletionMemory } from "./redis/lifetimes.ts";
export { type RedisClock, redisClock } from "./redis/redis-clock.ts";
export { createReplicationBarrier } from "./redis/replication.ts";
export { missingRights, type Role } from "./redis/rights.ts";
export { createContext, createTaskStore, type TaskStore, type TaskStoreOptions } from "./store.ts";
export type { Update } from "./task/change-task.ts";
export type { Change } from "./task/commands.ts";
export { commit } from "./task/commit.ts";
export type { TaskStateContext } from "./task/context.ts";
export type { DeadLetter } from "./task/dead-letter.ts";
export { findSequenceFault, type SequenceFault, sequenceAdvice } from "./task/id-sequence.ts";
export { maxIdempotencyKeyBytes } from "./task/idempotency.ts";
export { type QuarantinedTask, quarantine, type Unreadable } from "./task/quarantine.ts";
export { cancellationRequested } from "./task/read.ts";
export { isUnsent, type Phase, type Sidecar, type SidecarPatch } from "./task/sidecar.ts";
export type { Submission, SubmitOptions } from "./task/submit.ts";
export { isOver, readView, type View } from "./task/view.ts";
