import { Command } from "commander";
import type { ExitCode } from "./exit-code.ts";
import type { Shell } from "./shell.ts";

/** Where the commands of a program run, and what they report to. */
export interface Host {
  readonly shell: Shell;
  /** Takes the exit code of the command that has run. */
  finish(code: ExitCode): void;
}

/** A line that can be typed, with what it does. */
export type Example = readonly [does: string, line: string];

export interface CommandText {
  /** One line, without a full stop. */
  readonly summary: string;
  /** More than the summary says. */
  readonly description?: string;
  readonly examples: readonly Example[];
}

const texts = new WeakMap<Command, CommandText>();

/** A command with its help; options, arguments and what it does are the caller's to add. */
export function describeCommand(name: string, text: CommandText): Command {
  const command = new Command(name).summary(text.summary).description(text.description ?? `${text.summary}.`);
  texts.set(command, text);
  return command.addHelpText("after", () => `\nExamples:\n${exampleLines(text.examples).join("\n")}\n`);
}

function exampleLines(examples: readonly Example[]): string[] {
  return examples.flatMap(([does, line]) => [`  # ${does}`, `  ${line}`]);
}

/** A command that only holds others; called alone it shows its help. */
export function describeGroup(name: string, text: CommandText, commands: readonly Command[]): Command {
  const group = describeCommand(name, text).helpCommand("help [command]", "show the help of a command");
  for (const command of commands) group.addCommand(command);
  return group;
}

/** The text that a command was described with; commander's own `help` has none. */
export function textOf(command: Command): CommandText | undefined {
  return texts.get(command);
}

/** Gives a command its action: what it resolves with becomes the exit code, nothing means 0. */
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
