import { runDevelopment } from "./run.ts";

/** The entry of `npm start`. A first signal asks the server to end, a second one ends it at once. */
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  });
}

try {
  process.exitCode = await runDevelopment({
    environment: process.env,
    signal: stop.signal,
    command: [import.meta.filename],
    tell: (text) => process.stdout.write(`${text}\n`),
  });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
