import { createPrinter } from "./printer.ts";
import { runDevelopment } from "./run.ts";
import { abortOnSignal, reportError } from "./signals.ts";

/** The entry of `npm start`. */
await runDevelopment({
  environment: process.env,
  signal: abortOnSignal(),
  command: [import.meta.filename],
  print: createPrinter(1),
}).then((code) => {
  process.exitCode = code;
}, reportError);
