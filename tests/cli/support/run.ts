import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** The built command line. */
export const bin = join(import.meta.dirname, "../../../dist/cli/dms-frontend.cjs");

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, which is closed after it. */
  readonly input?: string;
  readonly cwd?: string;
  /** True to run in a separate process group, as a terminal runs a command. */
  readonly detached?: boolean;
}

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** The output so far. */
  readonly output: { stdout: string; stderr: string };
  readonly over: Promise<Run>;
}

/** The minimum environment of a process, without the variables of the tests. */
export function cleanEnv(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env };
}

/** Starts a command; the test kills it at its end if it still runs. */
export function startProcess(command: string, args: readonly string[], options: RunOptions = {}): Started {
  const { cwd, detached = false } = options;
  const child = spawn(command, args, { env: cleanEnv(options.env), cwd, detached, stdio: "pipe" });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.stderr += text;
  });
  child.stdin.on("error", () => {});
  if (options.input !== undefined) child.stdin.end(options.input);
  const over = once(child, "close").then(([code, signal]) => ({ code, signal, ...output }) as Run);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await over;
  });
  return { child, output, over };
}

/** Runs the command line to its end with its output in pipes. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return startProcess(process.execPath, [bin, ...args], { input: "", ...options }).over;
}
