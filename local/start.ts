import { runDevelopment } from "./run.ts";
import { abortOnSignal, tellFault } from "./signals.ts";

/** The entry of `npm start`. */
await runDevelopment({
  environment: process.env,
  signal: abortOnSignal(),
  command: [import.meta.filename],
  tell: (text) => process.stdout.write(`${text}\n`),
}).then((code) => {
  process.exitCode = code;
}, tellFault);
