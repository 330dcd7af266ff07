import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "./duration.ts";
import { Failure } from "./exit-code.ts";
import { variables } from "./variables.ts";

/** Options of every command that calls the API. */
export interface RemoteOptions {
  readonly apiBase: string;
  readonly timeoutRequest: number;
  readonly retries: number;
  readonly debug?: boolean;
}

/** Adds {@link RemoteOptions}. */
export function addRemoteOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--api-base <url>", "base URL of the API")
        .env(variables.apiBase.name)
        .default(variables.apiBase.default),
    )
    .addOption(duration("--timeout-request <duration>", "request timeout").default(10_000, "10s"))
    .addOption(count("--retries <n>", "retries of an idempotent request while the server is unavailable").default(3))
    .option("--debug", "print each request to standard error");
}

export const formats = ["table", "json", "jsonl", "id"] as const;
export type Format = (typeof formats)[number];

/** `--output` with the formats of a command. */
export function outputOption(
  choices: readonly Format[] = formats,
  without = "table in a terminal, json in a pipe",
): Option {
  return new Option("--output <format>", `output format (default: ${without})`).choices(choices);
}

/** `--utc` and `--timezone`, for commands that show times. */
export function addTimeOptions(command: Command): Command {
  return command
    .addOption(new Option("--utc", "show exact times in UTC").conflicts("timezone"))
    .option("--timezone <zone>", "show exact times in this IANA time zone");
}

/** `--service`, or its variable. */
export function serviceOption(): Option {
  return new Option("--service <id>", "service id").env(variables.service.name);
}

/** `--user`, or its variable. */
export function userOption(): Option {
  return new Option("--user <id>", "user id of the owner").env(variables.user.name);
}

/** `--task-id`, an alternative to ids as arguments. */
export function taskIdOption(): Option {
  return new Option("--task-id <ids>", "task ids, the same as the argument");
}

/** The maximum delay of a timer, nearly 25 days, in ms. */
export const maxWait = 2 ** 31 - 1;

/** An option with a duration; its value is in ms, at most {@link maxWait}. */
export function duration(flags: string, description: string): Option {
  return new Option(flags, description).argParser(checked((text) => Math.min(maxWait, parseDuration(text))));
}

/** An option with a whole number below a million. */
export function count(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (/^\d{1,6}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("It must be a whole number.");
  });
}

function checked<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof Failure) throw new InvalidArgumentError(error.hint ?? error.message);
      throw error;
    }
  };
}
