/**
 * npm passes a Ctrl-C on to a process that has it from the terminal already: what follows the first signal this soon is
 * the same one, in ms.
 */
const echo = 300;

/** Aborts with the first request to end, with its name as the reason; a second one ends the process at once. */
export function abortOnSignal(): AbortSignal {
  const stop = new AbortController();
  let askedAt = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) {
        askedAt = performance.now();
        stop.abort(name);
      } else if (performance.now() - askedAt > echo) process.exit(1);
    });
  }
  return stop.signal;
}

/** Says what went wrong in a line, and lets the process end with 1. */
export function reportError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
