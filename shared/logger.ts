import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Config } from "./config.ts";

export type { Logger } from "pino";

/** JSON lines on stdout; or on another stream, such as one that prints for people. */
export function createLogger(config: Pick<Config, "appName" | "logLevel">, stream?: DestinationStream): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { app: config.appName },
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
