import type { Config } from "../config.ts";
import { createLogOutput } from "../log-output.ts";
import { createLogger, type Logger } from "../logger.ts";

/** A logger that writes each line at once: Lambda freezes a process after its answer, and may never resume it. */
export function createLambdaLogger(config: Config): Logger {
  return createLogger(config, createLogOutput({ immediate: true }));
}
