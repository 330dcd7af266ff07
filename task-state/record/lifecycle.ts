/** Every status that a record may have. Other programs refuse to parse anything else. */
export const statuses = [
  "pending",
  "dispatching",
  "running",
  "completed",
  "failed",
  "cancel_requested",
  "cancelled",
] as const;

export type Status = (typeof statuses)[number];

/**
 * The allowed transitions. A status without transitions is terminal: an ended task stays ended.
 * `dispatching → pending` happens only when the scheduler provably did not start the task.
 */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  pending: ["dispatching", "running", "completed", "failed", "cancel_requested", "cancelled"],
  dispatching: ["pending", "running", "completed", "failed", "cancel_requested", "cancelled"],
  running: ["completed", "failed", "cancel_requested", "cancelled"],
  cancel_requested: ["completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
};

/** True for a status of {@link statuses}. */
export function isStatus(value: unknown): value is Status {
  return typeof value === "string" && Object.hasOwn(transitions, value);
}

/** True when a task with this status has ended and never changes again. */
export function isTerminal(status: Status): boolean {
  return transitions[status].length === 0;
}

/** True when a record may change from one status to the other; keeping the status is always allowed. */
export function canMove(from: Status, to: Status): boolean {
  return from === to || transitions[from].includes(to);
}
