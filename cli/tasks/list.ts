import { type Command, Option } from "commander";
import { statuses } from "../../task-state/record/lifecycle.ts";
import { describeCommand, type Host } from "../command.ts";
import { printTasks } from "../display/print-list.ts";
import { parseSince } from "../duration.ts";
import { usageFailure } from "../exit-code.ts";
import { addTimeOptions, count, outputOption } from "../options.ts";
import { type TimeOptions, timeFormat } from "../output/times.ts";
import { type ListSource, listSources, readList } from "../request/task-list.ts";
import { performRemotely, type Session } from "../session.ts";
import { write } from "../shell.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

/** Options that filter and limit a list of tasks. */
export interface ListOptions extends TimeOptions {
  readonly status?: string;
  readonly limit?: number;
  readonly all?: boolean;
  readonly since?: string;
  readonly before?: string;
  readonly order?: "asc" | "desc";
}

/** Default number of rows of a table. */
const defaultRows = 50;

/** Adds {@link ListOptions}. */
export function addListOptions(command: Command): Command {
  return addTimeOptions(command)
    .option("--status <statuses>", `only tasks with these statuses, separated by commas: ${statuses.join(", ")}`)
    .addOption(count("--limit <n>", `maximum number of tasks (default: ${defaultRows} in a table, otherwise all)`))
    .addOption(new Option("--all", "list all tasks, also in a table").conflicts("limit"))
    .option("--since <time>", "only tasks created since this time: 2h, 1d, or an ISO 8601 time")
    .option("--before <time>", "only tasks created before this time")
    .addOption(
      new Option("--order <order>", "order by task id (default: desc in a table, otherwise asc)").choices([
        "asc",
        "desc",
      ]),
    )
    .addOption(outputOption());
}

/** `tasks list` */
export function listCommand(host: Host): Command {
  const command = describeCommand("list", {
    summary: "List a user's tasks in a service",
    examples: [
      ["the newest tasks, in a terminal", "dms-frontend tasks list --service sync --user alice"],
      [
        "tasks that failed within a day",
        "dms-frontend tasks list --service sync --user alice --status failed --since 1d",
      ],
      [
        "task ids for a script",
        "dms-frontend tasks list --service sync --user alice --status running --before 1d --output id",
      ],
    ],
  });
  addListOptions(addOwnerOptions(command));
  return performRemotely<OwnerOptions & ListOptions>(host, command, async (session, options) => {
    await printList(session, listSources.owner(ownerValues(options)), options);
    return undefined;
  });
}

/** Prints the tasks of a list that match the options. */
export async function printList(
  session: Session,
  source: ListSource,
  options: ListOptions,
  { owner = false } = {},
): Promise<void> {
  const { format } = session;
  const asTable = format === "table";
  const chosen = chosenStatuses(options.status);
  const time = (text: string | undefined) => (text === undefined ? undefined : parseSince(text, session.now()));
  const [since, before] = [time(options.since), time(options.before)];
  const limit = options.limit ?? (asTable && !options.all ? defaultRows : undefined);
  const order = options.order ?? (asTable ? "desc" : "asc");
  const showTime = timeFormat(options, session.now);
  if (
    format === "json" &&
    !chosen &&
    since === undefined &&
    before === undefined &&
    limit === undefined &&
    order === "asc"
  ) {
    return passThrough(session, source);
  }
  const pieces = readList(session.client, source, { order, limit, statuses: chosen, since, before });
  await printTasks(session, pieces, { showTime, owner });
}

/** Streams the whole list unchanged. */
async function passThrough({ client, shell, line }: Session, { route, values }: ListSource): Promise<void> {
  const { stream } = await client.send({ route, values });
  for await (const piece of stream) await write(shell.stdout, piece);
  await line("");
}

function chosenStatuses(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const chosen = text.split(",").map((part) => part.trim());
  const unknown = chosen.find((status) => !statuses.some((known) => known === status));
  if (unknown === undefined) return new Set(chosen);
  throw usageFailure(`unknown status ${JSON.stringify(unknown)}`, `Use one of ${statuses.join(", ")}.`);
}
