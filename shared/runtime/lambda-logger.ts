import { destination } from "pino";
import type { Config } from "../config.ts";
import { createLogger, type Logger } from "../logger.ts";

/** A logger that writes each line at once: Lambda freezes a process with its answer, and may never let it go on. */
export function createLambdaLogger(config: Config): Logger {
  return createLogger(config, destination({ sync: true }));
}
