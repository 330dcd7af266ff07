/** The exit codes of the process; scripts may rely on these numbers. */
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

/** The meaning of each code in one line, for the documentation. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "success",
  failed: "the task failed, the server refused the request, one of several tasks failed, or you answered no",
  usage: "invalid command line",
  notFound: "this user has no such task in this service",
  denied: "the operator token is missing or wrong",
  unavailable: "the server or the network is unavailable, or the request timed out",
  cancelled: "the task was cancelled",
  timedOut: "timed out; the task is still running",
  interrupted: "interrupted with Ctrl-C",
  terminated: "terminated by SIGTERM",
};

export interface FailureDetails {
  /** The remedy, one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The body of the refusing answer. */
  readonly answer?: string;
}

/** Ends the command with an exit code, a one-line message and an optional hint. */
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

/** A failure with the usage code: the command line is invalid. */
export function usageFailure(message: string, hint?: string): Failure {
  return new Failure(exitCodes.usage, message, { hint });
}
