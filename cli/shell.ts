import type { ReadStream, WriteStream } from "node:tty";

type Input = NodeJS.ReadableStream & Partial<Pick<ReadStream, "isTTY">>;
type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** The process of a command, as a parameter. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Writes and waits until the output has drained, so that long output does not accumulate in memory. */
export async function write(output: Output, text: string | Uint8Array): Promise<void> {
  if (output.write(text)) return;
  await new Promise<void>((resolve) => output.once("drain", resolve));
}

/** Writes one line; see {@link write}. */
export function writeLine(output: Output, line: string): Promise<void> {
  return write(output, `${line}\n`);
}

/** Width of the terminal of an output; infinite when it is not a terminal. */
export function columnsOf(output: Output): number {
  return output.isTTY ? output.columns || 80 : Number.POSITIVE_INFINITY;
}
