import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Example, type Host } from "../command.ts";
import { confirm } from "../confirm.ts";
import { statusOf } from "../display/columns.ts";
import { parseIds } from "../ids.ts";
import { addTimeOptions, outputOption, taskIdOption } from "../options.ts";
import type { TimeOptions } from "../output/times.ts";
import type { Task } from "../request/answers.ts";
import { performRemotely } from "../session.ts";
import { actOnTasks } from "./on-tasks.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

/** Options of a command that takes one or several tasks. */
export interface IdsOptions {
  readonly taskId?: string;
  readonly yes?: boolean;
}

/** The task ids of a command line, from the arguments and `--task-id`. */
export function idsOf(args: readonly string[], { taskId }: IdsOptions, allow: { entries?: boolean } = {}): string[] {
  return parseIds(taskId === undefined ? args : [taskId, ...args], allow);
}

/** The outcome of a cancellation, as text. */
export function cancelledText(task: Task): string {
  const status = statusOf(task);
  if (status === "cancel_requested") return "cancellation requested";
  return status === "cancelled" ? status : `already ended: ${status}`;
}

/** The outcome of a deletion, as text. */
export function deletedText(): string {
  return "deleted";
}

/** `tasks status` */
export function statusCommand(host: Host): Command {
  return taskCommand(host, {
    name: "status",
    summary: "Show one or several tasks",
    route: endpoints.getTask,
    asks: undefined,
    examples: [
      ["one task", "dms-frontend tasks status --service sync --user alice --task-id 17"],
      ["several tasks, with DMS_SERVICE and DMS_USER set", "dms-frontend tasks status 1,2,5-9"],
    ],
  });
}

/** `tasks cancel` */
export function cancelCommand(host: Host): Command {
  return taskCommand(host, {
    name: "cancel",
    summary: "Request the cancellation of one or several tasks",
    route: endpoints.cancelTask,
    says: cancelledText,
    asks: "Cancel",
    examples: [
      ["one task", "dms-frontend tasks cancel --service sync --user alice --task-id 17"],
      ["several tasks, without confirmation", "dms-frontend tasks cancel --service sync --user alice 1,2,5-9 --yes"],
    ],
  });
}

/** `tasks delete` */
export function deleteCommand(host: Host): Command {
  return taskCommand(host, {
    name: "delete",
    summary: "Delete one or several tasks; running ones are cancelled first",
    route: endpoints.deleteTask,
    says: deletedText,
    asks: "Delete",
    examples: [
      ["one task", "dms-frontend tasks delete --service sync --user alice --task-id 17"],
      ["several tasks, without confirmation", "dms-frontend tasks delete --service sync --user alice 1-9 --yes"],
    ],
  });
}

interface TaskCommand {
  readonly name: string;
  readonly summary: string;
  readonly route: typeof endpoints.getTask | typeof endpoints.cancelTask | typeof endpoints.deleteTask;
  readonly says?: (task: Task) => string;
  /** The verb of the confirmation before several tasks are changed; `undefined` when nothing is changed. */
  readonly asks: string | undefined;
  readonly examples: readonly Example[];
}

function taskCommand(host: Host, { name, summary, examples, route, says, asks }: TaskCommand): Command {
  const command = describeCommand(name, { summary, examples }).argument("[ids...]", "task ids, such as 17 or 1,2,5-9");
  addTimeOptions(addOwnerOptions(command).addOption(taskIdOption()).addOption(outputOption()));
  if (asks !== undefined) command.option("-y, --yes", "do not ask for confirmation when several tasks are changed");
  return performRemotely<OwnerOptions & IdsOptions & TimeOptions>(host, command, async (session, options, args) => {
    const values = ownerValues(options);
    const ids = idsOf(args, options);
    if (asks !== undefined && ids.length > 1) {
      await confirm(session.shell, `${asks} ${ids.length} tasks of ${values.user_id}?`, options.yes);
    }
    return actOnTasks(session, ids, { route, values, ...(says ? { says } : {}) }, options);
  });
}
