import { type Config, ConfigError, type Environment, loadConfig } from "../config.ts";
import { createLogger, type Logger } from "../logger.ts";
import { allocateYoung } from "./allocation.ts";

/** Something that runs until it is stopped. */
export interface Service {
  /** Stops taking work, finishes what is under way, closes everything. */
  stop(): Promise<void>;
}

/** Time beyond the grace for what stops on its own, in ms. */
const margin = 500;

/**
 * Runs a service as a process of its own: JSON logs, and an end by SIGTERM or SIGINT
 * with exit code 0 within the grace. A second signal ends it at once; a fault at the start is told and exits 1.
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
  return faults ? `The configuration is not valid: ${faults.join("; ")}` : "The process could not start";
}

/** Resolves with the first signal to end; a second one ends the process at once. */
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
  // Lines are written in groups; the last ones must not be lost with the process.
  if (log) log.flush(() => process.exit(code));
  else process.exit(code);
}
