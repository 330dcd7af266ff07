import { runDevelopment } from "./run.ts";
import { onSignal, tellFault } from "./signals.ts";

/** The entry of `npm start`. A first signal asks the server to end, a second one ends it at once. */
const stop = new AbortController();
onSignal(() => stop.abort());

await runDevelopment({
  environment: process.env,
  signal: stop.signal,
  command: [import.meta.filename],
  tell: (text) => process.stdout.write(`${text}\n`),
}).then((code) => {
  process.exitCode = code;
}, tellFault);
