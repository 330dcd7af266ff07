export type TaskStateErrorCode =
  /** Other writers kept changing the record; the same call may succeed later. */
  | "contended"
  /** The write has not reached the required number of replicas yet. */
  | "not_replicated"
  /** The task's record or sidecar cannot be read; the message says why. */
  | "unreadable"
  /** The service or user id is invalid, see `identityFault`. */
  | "invalid_owner"
  /** A parameter is no text that can be stored: it holds NUL or half of a surrogate pair. */
  | "invalid_parameters"
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
/** Errors of commands that were never written to a connection. */
const unsent = /Stream isn't writeable|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|sentinels are unreachable/i;
const connectionFaults =
  /Connection is closed|due to connection close|Command timed out|Socket timeout|max retries per request|ECONN|ETIMEDOUT|EPIPE/i;

/** Why Redis did not serve a call, and what became of the call's write. */
export type Unavailability =
  /** Redis answered with an error: it wrote nothing. */
  | "refused"
  /** There is no connection: the command was not sent. */
  | "unreachable"
  /** The connection broke before the reply: Redis may have executed the command. */
  | "reply_lost";

/** How Redis is unavailable; `undefined` for an error which means that the call was wrong. */
export function unavailabilityOf(error: unknown): Unavailability | undefined {
  if (!(error instanceof Error)) return undefined;
  const matches = (pattern: RegExp) => [error, ...causesOf(error)].some(({ message }) => pattern.test(message));
  if (matches(refusals)) return "refused";
  if (matches(unsent)) return "unreachable";
  return matches(connectionFaults) ? "reply_lost" : undefined;
}

/** True when an error means that Redis is unavailable, rather than that the call was wrong. */
export function isUnavailable(error: unknown): error is Error {
  return unavailabilityOf(error) !== undefined;
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

/** Awaits a call that something later repeats or replaces; `undefined` if Redis is unavailable. */
export async function ifAvailable<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isUnavailable(error)) return undefined;
    throw error;
  }
}
