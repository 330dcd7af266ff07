export type TaskStateErrorCode =
  /** Other writers kept changing the record; the same call may succeed later. */
  | "contended"
  /** What was written is not yet on as many replicas as asked for. */
  | "not_replicated"
  /** The task's record or sidecar is spoilt; the message says how. */
  | "unreadable"
  /** The service or user id cannot be used, see `identityFault`. */
  | "invalid_owner"
  /** The id sequence is no integer, or at its end: nothing can be submitted until an operator has set it right. */
  | "sequence_damaged"
  /** More numbers in a row than one call tries are in use; the next call goes on behind them. */
  | "ids_taken";

/** What goes wrong without being an expected outcome. Redis's own errors pass through, see {@link isUnavailable}. */
export class TaskStateError extends Error {
  readonly code: TaskStateErrorCode;

  constructor(code: TaskStateErrorCode, message: string) {
    super(message);
    this.name = "TaskStateError";
    this.code = code;
  }
}

/** Replies of a Redis that is there but cannot serve now. https://redis.io/docs/latest/develop/reference/protocol-spec */
const refusals =
  /^(READONLY|OOM|MISCONF|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|BUSY|NOAUTH|WRONGPASS|NOPERM|ERR max number of clients|ERR The user executing the script can't)/;
const connectionFaults =
  /Connection is closed|Stream isn't writeable|Command timed out|Socket timeout|max retries per request|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|sentinels are unreachable/i;

/** True when an error means that Redis cannot be used now, rather than that the call was wrong. */
export function isUnavailable(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return [error, ...causesOf(error)].some(({ message }) => refusals.test(message) || connectionFaults.test(message));
}

/** What has made Redis discard a transaction, whose own error (EXECABORT) does not say it. */
function causesOf({ previousErrors = [] }: Error & { readonly previousErrors?: readonly Error[] }): readonly Error[] {
  return previousErrors;
}

const writeRefusals = /^(READONLY|OOM|MISCONF|NOREPLICAS)/;

/** Waits for a write that its caller can do without; gives `undefined` where Redis takes no writes now. */
export async function ifWritable<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof Error && writeRefusals.test(error.message)) return undefined;
    throw error;
  }
}
