import { type Config, ConfigError, type Environment, loadConfig } from "../config.ts";
import { createLogger, type Logger } from "../logger.ts";
import { allocateYoung } from "./allocation.ts";

/** Something that runs until it is stopped. */
export interface Service {
  /** Stops accepting work, finishes work in flight, closes everything. */
  stop(): Promise<void>;
}

/** Time after the grace period before the process exits in any case, in ms. */
const margin = 500;

/**
 * Runs a service as its own process with JSON logs. SIGTERM or SIGINT stops it with exit code 0 within the grace period;
 * a second signal ends it at once. An error at the start is logged, and the exit code is 1.
 */
export async function runProcess(
  environment: Environment,
  start: (config: Config, log: Logger) => Promise<Service>,
): Promise<void> {
  let log: Logger | undefined;
  try {
    const config = loadConfig(environment);
    log = createLogger(config);
    const stopped = untilSignal();
    const service = await start(config, log);
    allocateYoung();
    const signal = await stopped;
    log.info({ signal }, "stopping");
    const timer = setTimeout(() => exit(log, 0), config.shutdownGraceSeconds * 1000 + margin);
    await service.stop();
    clearTimeout(timer);
    log.info("stopped");
    exit(log, 0);
  } catch (error) {
    const faults = error instanceof ConfigError ? error.faults : undefined;
    const fields = faults ? { faults } : { err: error };
    (log ?? createLogger({ appName: "dms-frontend", logLevel: "info" })).fatal(fields, startFault(faults));
    exit(log, 1);
  }
}

function startFault(faults: readonly string[] | undefined): string {
  return faults ? `invalid configuration: ${faults.join("; ")}` : "the process could not start";
}

/** Resolves with the first signal to stop; a second one ends the process at once. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

function exit(log: Logger | undefined, code: number): void {
  process.exitCode = code;
  // Lines are buffered; the last ones must not be lost.
  if (log) log.flush(() => process.exit(code));
  else process.exit(code);
}
