/** Aborts with the first request to end, with its name as the reason; a second one ends the process at once. */
export function abortOnSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort(name);
    });
  }
  return stop.signal;
}

/** Says what went wrong in a line, and lets the process end with 1. */
export function tellFault(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
