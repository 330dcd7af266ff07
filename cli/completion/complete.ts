import type { Command, Option } from "commander";
import { sanitize } from "../output/width.ts";
import type { Shell } from "../shell.ts";
import type { Candidate } from "./candidate.ts";
import { liveValues } from "./live.ts";

/** Tells the shell to complete file names itself. */
const files = ":files";

/** Options whose values are file names. */
const fileOptions = new Set(["--params-file", "--token-file"]);

/** The completions of the last of `words`, one line each: the value, a tab and its description. */
export async function completionLines(program: Command, words: readonly string[], shell: Shell): Promise<string[]> {
  const { command, given, pending, current, kept } = readWords(program, words);
  if (pending && fileOptions.has(pending.long ?? "")) return [files];
  const candidates = await candidatesAt(command, given, pending, current, shell);
  return candidates
    .filter(({ value }) => value.startsWith(current))
    .map(({ value, meaning = "" }) => `${kept}${value}\t${sanitize(meaning)}`);
}

async function candidatesAt(
  command: Command,
  given: ReadonlyMap<string, string>,
  pending: Option | undefined,
  current: string,
  shell: Shell,
): Promise<Candidate[]> {
  if (pending) {
    if (pending.argChoices) return pending.argChoices.map((value) => ({ value }));
    return liveValues(pending.attributeName(), command.name(), given, current, shell);
  }
  if (current.startsWith("-")) {
    return command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, description }) => ({ value: long ?? "", meaning: description }));
  }
  if (command.commands.length > 0) {
    return command.commands.map((child) => ({ value: child.name(), meaning: child.summary() }));
  }
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices.map((value) => ({ value }));
  return argument ? liveValues("taskId", command.name(), given, current, shell) : [];
}

interface ReadWords {
  readonly command: Command;
  /** Option values before the cursor, by attribute. */
  readonly given: ReadonlyMap<string, string>;
  /** The option whose value is being typed. */
  readonly pending: Option | undefined;
  readonly current: string;
  /** The part of the word at the cursor before `current`, such as `--output=`. */
  readonly kept: string;
}

function readWords(program: Command, words: readonly string[]): ReadWords {
  const word = words.at(-1) ?? "";
  const given = new Map<string, string>();
  let command = program;
  let pending: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (pending) {
      given.set(pending.attributeName(), word);
      pending = undefined;
    } else if (word.startsWith("-")) {
      const [flag = "", ...value] = word.split("=");
      const option = optionOf(command, flag);
      if (option && value.length > 0) given.set(option.attributeName(), value.join("="));
      else if (option?.required) pending = option;
    } else {
      command = command.commands.find((child) => child.name() === word) ?? command;
    }
  }
  const [, flag = "", current = word] = (!pending && /^(--[\w-]+)=(.*)$/s.exec(word)) || [];
  pending ??= optionOf(command, flag);
  return { command, given, pending, current, kept: word.slice(0, word.length - current.length) };
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => long === flag || short === flag);
}
