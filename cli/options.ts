import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "./duration.ts";
import { Failure } from "./exit-code.ts";
import { variables } from "./variables.ts";

/** Options of every command that speaks with the API. */
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
      new Option("--api-base <url>", "address of the API")
        .env(variables.apiBase.name)
        .default(variables.apiBase.default),
    )
    .addOption(duration("--timeout-request <duration>", "limit of one request").default(10_000, "10s"))
    .addOption(
      count("--retries <n>", "repetitions of a request that is safe to repeat, while the server is away").default(3),
    )
    .option("--debug", "show each request on standard error");
}

export const formats = ["table", "json", "jsonl", "id"] as const;
export type Format = (typeof formats)[number];

/** `--output`, with the formats that a command has. */
export function outputOption(
  choices: readonly Format[] = formats,
  without = "a table in a terminal, json in a pipe",
): Option {
  return new Option("--output <format>", `form of the output; without it ${without}`).choices(choices);
}

/** `--utc` and `--timezone`, for commands that show times. */
export function addTimeOptions(command: Command): Command {
  return command
    .addOption(new Option("--utc", "exact times in UTC").conflicts("timezone"))
    .option("--timezone <zone>", "exact times in this IANA time zone");
}

/** `--service`, or its variable. */
export function serviceOption(): Option {
  return new Option("--service <id>", "the service").env(variables.service.name);
}

/** `--user`, or its variable. */
export function userOption(): Option {
  return new Option("--user <id>", "the user whose tasks they are").env(variables.user.name);
}

/** `--task-id`, beside ids that are given as arguments. */
export function taskIdOption(): Option {
  return new Option("--task-id <ids>", "the task, the same as the argument");
}

/** The longest time that a timer takes, nearly 25 days, in ms. */
export const longestWait = 2 ** 31 - 1;

/** An option that takes a duration to wait; its value is in ms, at most {@link longestWait}. */
export function duration(flags: string, description: string): Option {
  return new Option(flags, description).argParser(checked((text) => Math.min(longestWait, parseDuration(text))));
}

/** An option that takes a whole number from 0 to a million. */
export function count(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (/^\d{1,6}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("It has to be a whole number.");
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
