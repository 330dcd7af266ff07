/**
 * npm forwards a Ctrl-C to a process that already got it from the terminal: a second signal within this time is the same
 * one, in ms.
 */
const duplicateWindow = 300;

/** Aborts on the first signal to stop, with its name as the reason; a second signal ends the process at once. */
export function abortOnSignal(): AbortSignal {
  const stop = new AbortController();
  let stoppedAt = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) {
        stoppedAt = performance.now();
        stop.abort(name);
      } else if (performance.now() - stoppedAt > duplicateWindow) process.exit(1);
    });
  }
  return stop.signal;
}

/** Prints the error message, and sets the exit code to 1. */
export function reportError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
