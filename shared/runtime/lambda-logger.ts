import type { Config } from "../config.ts";
import { createLogOutput } from "../log-output.ts";
import { createLogger, type Logger } from "../logger.ts";

/** The used part of an invocation's context. */
export interface Invocation {
  readonly awsRequestId?: string;
}

export interface LambdaLogger {
  readonly log: Logger;
  /** Adds the id of this invocation to every line from now on. A process handles one invocation at a time. */
  begin(invocation: Invocation): void;
}

/** A logger that writes each line at once: Lambda freezes a process after its answer, and may never resume it. */
export function createLambdaLogger(config: Config): LambdaLogger {
  let awsRequestId: string | undefined;
  return {
    log: createLogger(config, createLogOutput({ immediate: true }), () => ({ awsRequestId })),
    begin(invocation) {
      awsRequestId = invocation.awsRequestId;
    },
  };
}
