import { type DestinationStream, type Logger, pino } from "pino";
import type { Config } from "./config.ts";
import { createLogOutput, type LogOutput } from "./log-output.ts";

export type { Logger } from "pino";

type LoggerSettings = Pick<Config, "appName" | "logLevel"> &
  Partial<Pick<Config, "knativeService" | "knativeRevision">>;

/** What takes the lines of a logger. */
export type LogStream = DestinationStream & Partial<Pick<LogOutput, "flush" | "onDropped">>;

/**
 * Logs JSON lines to stdout, or to another stream. Lines that the stream drops are counted in a line of their own.
 * @param mixin gives fields of every line at the time when it is logged
 */
export function createLogger(
  config: LoggerSettings,
  stream: LogStream = createLogOutput(),
  mixin?: () => object,
): Logger {
  const { appName: app, knativeService: k_service, knativeRevision: k_revision } = config;
  const log = pino(
    {
      level: config.logLevel,
      base: { app, ...(k_service ? { k_service, k_revision } : {}) },
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
      ...(mixin ? { mixin } : {}),
    },
    stream,
  );
  stream.onDropped?.((count) => log.error({ count }, "log lines were dropped: nobody read them, or the disk was full"));
  return log;
}

/** ISO 8601 in UTC; made once per ms, because many lines share one. */
function createTimestamp(): () => string {
  let at = 0;
  let text = "";
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}
