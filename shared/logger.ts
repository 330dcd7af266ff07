import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Config } from "./config.ts";

export type { Logger } from "pino";

type LoggerSettings = Pick<Config, "appName" | "logLevel"> &
  Partial<Pick<Config, "knativeService" | "knativeRevision">>;

/** JSON lines on stdout; or on another stream, such as one that prints for people. */
export function createLogger(config: LoggerSettings, stream?: DestinationStream): Logger {
  const { appName: app, knativeService: k_service, knativeRevision: k_revision } = config;
  return pino(
    {
      level: config.logLevel,
      base: { app, ...(k_service ? { k_service, k_revision } : {}) },
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
    },
    // Lines are written together, at the latest after this many ms: one write per line costs more than the request.
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
