import type { StandardStream } from "../shared/log-descriptor.ts";
import { createLogOutput } from "../shared/log-output.ts";

/** Prints a line for the user of a server at once. Like a log line, it delays and ends nothing when nobody reads it. */
export function createPrinter(fd: StandardStream): (text: string) => void {
  const output = createLogOutput({ fd });
  return (text) => {
    output.write(`${text}\n`);
    output.flush();
  };
}
