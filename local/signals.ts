/**
 * npm passes a Ctrl-C on to a process that has it from the terminal already: what follows the first signal this soon is
 * the same one, in ms.
 */
const echo = 300;

/** Calls `end` with the first request to end; a second one ends the process at once. */
export function onSignal(end: (signal: NodeJS.Signals) => void): void {
  let askedAt: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      const now = performance.now();
      if (askedAt !== undefined && now - askedAt > echo) process.exit(1);
      if (askedAt === undefined) end(signal);
      askedAt ??= now;
    });
  }
}

/** Resolves with the first request to end; a second one ends the process at once. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise(onSignal);
}

/** Says what went wrong in a line, and lets the process end with 1. */
export function tellFault(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
