import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { type LogEntry, splitEntry } from "../display/log-entry.ts";
import { type ExitCode, exitCodes, usageFailure } from "../exit-code.ts";
import { addTimeOptions, duration, outputOption, taskIdOption } from "../options.ts";
import { exactTimeFormat, type ShowTime, type TimeOptions } from "../output/times.ts";
import { sanitize } from "../output/width.ts";
import { parseTask } from "../request/answers.ts";
import { codeOfEnd, follow, hasEnded } from "../request/poll.ts";
import { performRemotely, type Session } from "../session.ts";
import { type IdsOptions, idsOf } from "./one-or-several.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

interface LogsOptions extends OwnerOptions, IdsOptions, TimeOptions {
  readonly follow?: boolean;
  readonly grep?: string;
  readonly interval: number;
  readonly patience: number;
}

/** `tasks logs` */
export function logsCommand(host: Host): Command {
  const command = describeCommand("logs", {
    summary: "Show a task's log",
    examples: [
      ["the current log", "dms-frontend tasks logs 17 --service sync --user alice"],
      [
        "new lines as they arrive, until the task has ended",
        "dms-frontend tasks logs 17 --service sync --user alice --follow",
      ],
      ["lines about a failure", "dms-frontend tasks logs 17 --service sync --user alice --grep 'fail|error'"],
    ],
  })
    .argument("[id]", "task id")
    .addOption(taskIdOption())
    .option("-f, --follow", "follow the log until the task has ended; the exit code is the outcome")
    .option("--grep <pattern>", "only messages that match this regular expression, ignoring case")
    .addOption(duration("--interval <duration>", "maximum polling interval").default(2000, "2s"))
    .addOption(
      duration("--patience <duration>", "keep polling this long while the server is unavailable").default(
        30_000,
        "30s",
      ),
    );
  addTimeOptions(addOwnerOptions(command)).addOption(outputOption(["table", "json", "jsonl"], "lines of text"));
  return performRemotely<LogsOptions>(host, command, (session, options, args) => {
    const [id, second] = idsOf(args, options);
    if (id === undefined || second !== undefined) throw usageFailure("logs takes exactly one task id");
    return showLogs(session, { ...ownerValues(options), task_id: id }, options);
  });
}

async function showLogs(
  session: Session,
  values: Readonly<Record<string, string>>,
  options: LogsOptions & { readonly output?: string },
): Promise<ExitCode> {
  const pattern = readPattern(options.grep);
  const print = printer(session, exactTimeFormat(options), options.output);
  const matching = (entries: readonly string[]) =>
    entries.map(splitEntry).filter(({ message }) => pattern.test(message));
  if (!options.follow) {
    const { logs = [] } = parseTask(await session.client.text({ route: endpoints.getTask, values }));
    if (options.output === "json") await session.line(JSON.stringify(matching(logs)));
    else for (const entry of matching(logs)) await print(entry);
    return exitCodes.done;
  }
  let shown = 0;
  for await (const { task } of follow(session, { route: endpoints.getTask, values }, options)) {
    const { logs = [] } = task;
    for (const entry of matching(logs.slice(shown))) await print(entry);
    shown = logs.length;
    if (hasEnded(task)) return codeOfEnd(task);
  }
  return exitCodes.done;
}

function printer({ line, paint }: Session, showTime: ShowTime, output: string | undefined) {
  return (entry: LogEntry) =>
    output === "json" || output === "jsonl"
      ? line(JSON.stringify(entry))
      : line(`${paint("dim", showTime(entry.time))} ${sanitize(entry.message)}`);
}

function readPattern(text = ""): RegExp {
  try {
    return new RegExp(text, "iu");
  } catch {
    throw usageFailure(`${JSON.stringify(text)} is not a regular expression`);
  }
}
