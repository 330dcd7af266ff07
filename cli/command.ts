import { Command } from "commander";
import type { ExitCode } from "./exit-code.ts";
import type { Shell } from "./shell.ts";

/** The environment of the commands of a program, and the receiver of their exit code. */
export interface Host {
  readonly shell: Shell;
  /** Receives the exit code of the command. */
  finish(code: ExitCode): void;
}

/** A command line and its description. */
export type Example = readonly [does: string, line: string];

export interface CommandText {
  /** One line, without a full stop. */
  readonly summary: string;
  /** Full sentences. @default the summary */
  readonly description?: string;
  readonly examples: readonly Example[];
}

const texts = new WeakMap<Command, CommandText>();

/** A command with its help; the caller adds options, arguments and the action. */
export function describeCommand(name: string, text: CommandText): Command {
  const command = new Command(name).summary(text.summary).description(text.description ?? `${text.summary}.`);
  texts.set(command, text);
  return command.addHelpText("after", () => `\nExamples:\n${exampleLines(text.examples).join("\n")}\n`);
}

function exampleLines(examples: readonly Example[]): string[] {
  return examples.flatMap(([does, line]) => [`  # ${does}`, `  ${line}`]);
}

/** A command that only contains subcommands; alone it shows its help. */
export function describeGroup(name: string, text: CommandText, commands: readonly Command[]): Command {
  const group = describeCommand(name, text).helpCommand("help [command]", "show the help of a command");
  for (const command of commands) group.addCommand(command);
  return group;
}

/** The description text of a command; commander's own `help` has none. */
export function textOf(command: Command): CommandText | undefined {
  return texts.get(command);
}

/** Gives a command its action, which resolves with the exit code; `undefined` means 0. */
export function perform(
  host: Host,
  command: Command,
  action: (args: readonly string[], options: object) => Promise<ExitCode | undefined>,
): Command {
  return command.action(async () => {
    const code = await action(command.args, command.opts());
    host.finish(code ?? 0);
  });
}
