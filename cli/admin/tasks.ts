import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { isTaskId } from "../../task-state/redis/keys.ts";
import { describeCommand, type Host } from "../command.ts";
import { confirm } from "../confirm.ts";
import { printTasks } from "../display/print-list.ts";
import { taskLines } from "../display/print-task.ts";
import { exitCodes, Failure, usageFailure } from "../exit-code.ts";
import { addTimeOptions, outputOption, serviceOption, taskIdOption } from "../options.ts";
import { type TimeOptions, timeFormat } from "../output/times.ts";
import { parseTaskPage } from "../request/answers.ts";
import { listSources } from "../request/task-list.ts";
import { addListOptions, type ListOptions, printList } from "../tasks/list.ts";
import { actOnTasks, type TaskVerb } from "../tasks/on-tasks.ts";
import { cancelledText, deletedText, type IdsOptions, idsOf } from "../tasks/one-or-several.ts";
import { performAsOperator } from "./operator.ts";

/** `admin tasks` */
export function adminTasksCommand(host: Host): Command {
  const command = describeCommand("tasks", {
    summary: "List the tasks of all users",
    examples: [
      ["the newest tasks of all services, in a terminal", "dms-frontend admin tasks"],
      [
        "tasks of one service that failed within a day, as JSON lines",
        "dms-frontend admin tasks --service sync --status failed --since 1d --output jsonl",
      ],
    ],
  }).addOption(serviceOption());
  return performAsOperator<ListOptions & { service?: string }>(
    host,
    addListOptions(command),
    async (session, options) => {
      const source = options.service ? listSources.service(options.service) : listSources.all();
      await printList(session, source, options, { owner: true });
      return undefined;
    },
  );
}

/** `admin task` */
export function adminTaskCommand(host: Host): Command {
  const command = describeCommand("task", {
    summary: "Show any task",
    examples: [["a task without its owner", "dms-frontend admin task 17"]],
  })
    .argument("[id]", "task id")
    .addOption(taskIdOption());
  addTimeOptions(command).addOption(outputOption());
  return performAsOperator<IdsOptions & TimeOptions>(host, command, async (session, options, args) => {
    const [id, second] = idsOf(args, options);
    if (id === undefined || second !== undefined) throw usageFailure("admin task takes exactly one task id");
    const values = { limit: "1", ...neighbour(id) };
    const [task] = parseTaskPage(await session.client.text({ route: endpoints.adminListTasks, values })).tasks;
    if (task?.task_id !== id) throw new Failure(exitCodes.notFound, "Task not found");
    const showTime = timeFormat(options, session.now);
    if (session.format === "table") await session.line(taskLines(task, session, showTime).join("\n"));
    else if (session.format === "json") await session.line(JSON.stringify({ task }));
    else await printTasks(session, once({ tasks: [task], cutOff: false }), { showTime });
    return undefined;
  });
}

/**
 * The position in the list from which this task comes next, if it exists: after the previous number; or, going down, before the
 * name with one more blank, which is the lowest character.
 */
function neighbour(id: string): { order: string; cursor: string | undefined } {
  if (!isTaskId(id)) return { order: "desc", cursor: `${id} ` };
  const before = BigInt(id) - 1n;
  return { order: "asc", cursor: before === 0n ? undefined : String(before) };
}

async function* once<Item>(item: Item): AsyncGenerator<Item> {
  yield item;
}

interface OperatorVerb extends Pick<TaskVerb, "route" | "says" | "member"> {
  readonly name: string;
  readonly summary: string;
  /** The verb of the confirmation before several tasks are changed. */
  readonly asks: string;
}

const verbs: readonly OperatorVerb[] = [
  {
    name: "cancel",
    summary: "Request the cancellation of any tasks",
    route: endpoints.adminCancelTask,
    says: cancelledText,
    asks: "Cancel",
  },
  {
    name: "delete",
    summary: "Delete any tasks; running ones are cancelled first",
    route: endpoints.adminDeleteTask,
    says: deletedText,
    asks: "Delete",
  },
  {
    name: "retry",
    summary: "Retry dead letters",
    route: endpoints.adminRetryDeadLetter,
    says: () => "queued again",
    asks: "Retry",
  },
  {
    name: "discard",
    summary: "Discard dead letters",
    route: endpoints.adminDiscardDeadLetter,
    says: () => "discarded",
    asks: "Discard",
    member: "dead_letter",
  },
];

/** `admin cancel`, `delete`, `retry` and `discard` */
export const adminVerbCommands = verbs.map((verb) => (host: Host) => verbCommand(host, verb));

function verbCommand(host: Host, { name, summary, asks, ...verb }: OperatorVerb): Command {
  const command = describeCommand(name, {
    summary,
    examples: [
      ["one task", `dms-frontend admin ${name} 17`],
      ["several, without confirmation", `dms-frontend admin ${name} 1,2,5-9 --yes`],
    ],
  })
    .argument("[ids...]", "task ids, such as 17 or 1,2,5-9")
    .addOption(taskIdOption())
    .option("-y, --yes", "do not ask for confirmation when several tasks are changed");
  addTimeOptions(command).addOption(outputOption());
  return performAsOperator<IdsOptions & TimeOptions>(host, command, async (session, options, args) => {
    const ids = idsOf(args, options, { entries: name === "retry" || name === "discard" });
    if (ids.length > 1) await confirm(session.shell, `${asks} ${ids.length} tasks?`, options.yes);
    return actOnTasks(session, ids, { ...verb, values: {} }, options);
  });
}
