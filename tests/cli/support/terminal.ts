import { bin, type RunOptions, type Started, startProcess } from "./run.ts";

export interface TerminalOptions extends RunOptions {
  /** @default 100 */
  readonly columns?: number;
}

export interface InTerminal extends Started {
  /** Types keys, for example `y\n` or Ctrl-C. */
  type(keys: string): void;
}

export const ctrlC = "\u0003";

/** Starts the command line in a pseudo-terminal; the output of both streams is in `stdout`. */
export function startInTerminal(
  args: readonly string[],
  { columns = 100, ...options }: TerminalOptions = {},
): InTerminal {
  const command = [process.execPath, bin, ...args].map(quoted).join(" ");
  const script = ["-qefc", `stty cols ${columns} rows 24; exec ${command}`, "/dev/null"];
  const started = startProcess("script", script, {
    ...options,
    env: { TERM: "xterm", SHELL: "/bin/sh", ...options.env },
  });
  return { ...started, type: (keys) => void started.child.stdin?.write(keys) };
}

/** Runs it to its end and gives the exit code and the lines of the screen. */
export async function runInTerminal(
  args: readonly string[],
  options: TerminalOptions = {},
): Promise<{ code: number | null; screen: string; lines: string[] }> {
  const { code, stdout } = await startInTerminal(args, options).over;
  return { code, screen: stdout, lines: plain(stdout).split("\r\n") };
}

/** A text without colours and cursor movements. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  return text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
