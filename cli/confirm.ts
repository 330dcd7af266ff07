import { exitCodes, Failure, usageFailure } from "./exit-code.ts";
import type { Shell } from "./shell.ts";

/**
 * Asks for confirmation in a terminal.
 * @throws Failure when the answer is no, or when there is no terminal
 */
export async function confirm(shell: Shell, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!("isTTY" in shell.stdin && shell.stdin.isTTY) || !shell.stderr.isTTY) {
    throw usageFailure("cannot ask for confirmation: not a terminal", "Pass --yes to confirm.");
  }
  const { createInterface } = await import("node:readline/promises");
  const prompt = createInterface({ input: shell.stdin, output: shell.stderr });
  const stop = new AbortController();
  // Ctrl-C reaches the prompt as a key, because it reads the terminal raw.
  prompt.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
  prompt.once("close", () => stop.abort());
  try {
    const signal = AbortSignal.any([shell.signal, stop.signal]);
    const answer = await prompt.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw declined();
  } catch (error) {
    // The end of the input means no.
    throw stop.signal.aborted && !shell.signal.aborted ? declined() : error;
  } finally {
    prompt.close();
  }
}

function declined(): Failure {
  return new Failure(exitCodes.failed, "aborted, nothing changed");
}
