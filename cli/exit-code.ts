/** What the process tells its caller by its exit code; scripts may rely on these numbers. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  unavailable: 5,
  cancelled: 6,
  timedOut: 124,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What each code means, in one line, for the documentation. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "done",
  failed: "the task failed, the server refused, one of several tasks could not be handled, or you answered no",
  usage: "the command line is wrong",
  notFound: "there is no such task for this user and service",
  denied: "the operator token is missing or wrong",
  unavailable: "the server or the network is not available, or did not answer in time",
  cancelled: "the task was cancelled",
  timedOut: "the time was over while the task still ran",
  interrupted: "interrupted with Ctrl-C",
  terminated: "ended by SIGTERM",
};

export interface FailureDetails {
  /** What to do about it, in a line of its own. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The body of the answer that refused. */
  readonly answer?: string;
}

/** Ends the command with a code, one line that says what went wrong, and a hint. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly answer: string | undefined;

  constructor(exitCode: ExitCode, message: string, { hint, cause, answer }: FailureDetails = {}) {
    super(message, { cause });
    this.name = "Failure";
    this.exitCode = exitCode;
    this.hint = hint;
    this.answer = answer;
  }
}

/** A command line that cannot be carried out as it is. */
export function usageFailure(message: string, hint?: string): Failure {
  return new Failure(exitCodes.usage, message, { hint });
}
