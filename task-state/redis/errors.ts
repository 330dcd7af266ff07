export type TaskStateErrorCode =
  /** Other writers kept changing the record; the same call may succeed later. */
  | "contended"
  /** The write has not reached the required number of replicas yet. */
  | "not_replicated"
  /** The task's record or sidecar cannot be read; the message says why. */
  | "unreadable"
  /** The service or user id is invalid, see `identityFault`. */
  | "invalid_owner"
  /** The id sequence is no integer, or at its end: no task can be submitted until an operator repairs it. */
  | "sequence_damaged"
  /** More consecutive ids are in use than one call tries; the next call continues after them. */
  | "ids_taken";

/** An unexpected error of this library. Redis's own errors pass through, see {@link isUnavailable}. */
export class TaskStateError extends Error {
  readonly code: TaskStateErrorCode;
  /** The task that a submission has stored all the same. */
  readonly taskId: string | undefined;

  constructor(code: TaskStateErrorCode, message: string, taskId?: string) {
    super(message);
    this.name = "TaskStateError";
    this.code = code;
    this.taskId = taskId;
  }
}

/** Error replies of a Redis that runs but cannot serve now. https://redis.io/docs/latest/develop/reference/protocol-spec */
const refusals =
  /^(READONLY|OOM|MISCONF|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|BUSY|NOAUTH|WRONGPASS|NOPERM|ERR max number of clients|ERR The user executing the script can't)/;
const connectionFaults =
  /Connection is closed|Stream isn't writeable|Command timed out|Socket timeout|max retries per request|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|sentinels are unreachable/i;

/** True when an error means that Redis is unavailable, rather than that the call was wrong. */
export function isUnavailable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return [error, ...causesOf(error)].some(({ message }) => refusals.test(message) || connectionFaults.test(message));
}

/** The errors that made Redis discard a transaction; its own error (EXECABORT) does not name them. */
function causesOf({ previousErrors = [] }: Error & { readonly previousErrors?: readonly Error[] }): readonly Error[] {
  return previousErrors;
}

const writeRefusals = /^(READONLY|OOM|MISCONF|NOREPLICAS)/;

/** Awaits an optional write; `undefined` if Redis refuses writes now. */
export async function ifWritable<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof Error && writeRefusals.test(error.message)) return undefined;
    throw error;
  }
}
