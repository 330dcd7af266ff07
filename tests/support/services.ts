import { onTestFinished } from "vitest";
import { type Config, loadConfig } from "../../shared/config.ts";
import { createLogger, type Logger } from "../../shared/logger.ts";
import type { LogLine } from "./service.ts";

/** A configuration for tests of parts, with loopback and free ports. */
export function testConfig(redisUrl: string, environment: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({
    DMS_REDIS_WRITE_URL: redisUrl,
    DMS_CLI_DEFAULT_HOST: "127.0.0.1",
    PORT: "0",
    DMS_SHUTDOWN_GRACE_SECONDS: "1",
    ...environment,
  });
}

/** A logger and the lines that it has written. */
export function collectLog(config: Config): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { log: createLogger(config, { write: (line) => lines.push(JSON.parse(line)) }), lines };
}

/** Stops something after the test. */
export function stopAfterTest<T extends { stop(): Promise<void> }>(started: T): T {
  onTestFinished(() => started.stop());
  return started;
}
