import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Config } from "./config.ts";

export type { Logger } from "pino";

type LoggerSettings = Pick<Config, "appName" | "logLevel"> &
  Partial<Pick<Config, "knativeService" | "knativeRevision">>;

/** Logs JSON lines to stdout, or to another stream, such as one that prints human-readable text. */
export function createLogger(config: LoggerSettings, stream?: DestinationStream): Logger {
  const { appName: app, knativeService: k_service, knativeRevision: k_revision } = config;
  return pino(
    {
      level: config.logLevel,
      base: { app, ...(k_service ? { k_service, k_revision } : {}) },
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
    },
    // Lines are buffered for at most this many ms: one write per line would cost more than the request.
    stream ?? destination({ sync: false, minLength: 4096, periodicFlush: 100 }),
  );
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
