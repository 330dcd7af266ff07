import { type Command, CommanderError } from "commander";
import { completionLines } from "./completion/complete.ts";
import { type ExitCode, exitCodes, Failure, usageFailure } from "./exit-code.ts";
import { sanitize } from "./output/width.ts";
import { createProgram } from "./program.ts";
import { type Shell, write } from "./shell.ts";

const stop = new AbortController();
let interruption: ExitCode = exitCodes.interrupted;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // A second signal ends the process at once.
    if (stop.signal.aborted) process.exit(interruption);
    interruption = signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
    stop.abort();
  });
}
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    // The reader has closed the pipe, as `head` does.
    if (error.code === "EPIPE") process.exit(exitCodes.done);
    throw error;
  });
}

const shell: Shell = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
};

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

async function run(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  const program = createProgram({
    shell,
    finish: (given) => {
      code = given;
    },
  });
  try {
    const [first, ...words] = args;
    const garbled = args.find((arg) => arg.includes("\ufffd"));
    if (garbled !== undefined && first !== "__complete") {
      // Node.js puts U+FFFD in place of bytes that are no text, and the task would work on another path.
      throw usageFailure(`the argument ${JSON.stringify(garbled)} is not UTF-8 text, or contains U+FFFD`);
    }
    if (first === "__complete") await complete(program, words);
    // commander's own `help` takes one word: `help tasks list` would show the help of `tasks`.
    else await program.parseAsync(first === "help" ? [...words, "--help"] : args, { from: "user" });
    return code;
  } catch (error) {
    if (stop.signal.aborted) return interruption;
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return report(error);
  }
}

/** An error prints no completions. */
async function complete(program: Command, words: readonly string[]): Promise<void> {
  const lines = await completionLines(program, words, shell).catch(() => []);
  await write(shell.stdout, lines.map((line) => `${line}\n`).join(""));
}

function report(error: unknown): ExitCode {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Failure)) {
    // A configuration error has several lines.
    process.stderr.write(`dms-frontend: ${message.split("\n").map(sanitize).join("\n")}\n`);
    return exitCodes.failed;
  }
  const hint = error.hint === undefined ? "" : `${/[.?!]$/.test(message) ? "" : "."} ${error.hint}`;
  process.stderr.write(`dms-frontend: ${sanitize(message + hint)}\n`);
  return error.exitCode;
}
