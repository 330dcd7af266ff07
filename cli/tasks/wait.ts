import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { statusOf } from "../display/columns.ts";
import { splitEntry } from "../display/log-entry.ts";
import { formatLimit } from "../duration.ts";
import { type ExitCode, exitCodes, Failure } from "../exit-code.ts";
import { duration, longestWait, outputOption, taskIdOption } from "../options.ts";
import { statusColour } from "../output/colour.ts";
import { tame } from "../output/width.ts";
import { codeOfEnd, follow, hasEnded, type Sight } from "../request/poll.ts";
import type { Values } from "../request/route.ts";
import { performRemotely, type Session } from "../session.ts";
import { inOrderOfEnd } from "./completion-order.ts";
import { type IdsOptions, idsOf } from "./one-or-several.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

/** Options of commands that follow tasks to their end. */
export interface WaitOptions {
  readonly timeout?: number;
  readonly interval: number;
  readonly patience: number;
}

/** Adds {@link WaitOptions}. */
export function addWaitOptions(command: Command): Command {
  return command
    .addOption(duration("--timeout <duration>", "give up after this time; the task runs on (exit code 124)"))
    .addOption(duration("--interval <duration>", "longest time between two looks").default(2000, "2s"))
    .addOption(duration("--patience <duration>", "how long the server may be away meanwhile").default(30_000, "30s"));
}

/** `tasks wait` */
export function waitCommand(host: Host): Command {
  const command = describeCommand("wait", {
    summary: "Wait until tasks have ended",
    description:
      "Wait until tasks have ended. The exit code tells how: 0 completed, 1 one failed, 6 one was cancelled.",
    examples: [
      ["one task, an hour at most", "dms-frontend tasks wait 17 --service sync --user alice --timeout 1h"],
      ["the first of several", "dms-frontend tasks wait 1,2,5-9 --service sync --user alice --any"],
    ],
  })
    .argument("[ids...]", "ids such as 17 or 1,2,5-9")
    .addOption(taskIdOption())
    .option("--any", "until the first of them has ended");
  addWaitOptions(addOwnerOptions(command)).addOption(outputOption());
  return performRemotely<OwnerOptions & WaitOptions & IdsOptions & { any?: boolean }>(
    host,
    command,
    (session, options, args) => waitForTasks(session, idsOf(args, options), ownerValues(options), options),
  );
}

/** Waits, prints each task when it ends, and gives the exit code of all: a failure outweighs what else happened. */
export async function waitForTasks(
  session: Session,
  ids: readonly string[],
  values: Values,
  options: WaitOptions & { readonly any?: boolean },
): Promise<ExitCode> {
  const limit = AbortSignal.timeout(options.timeout ?? longestWait);
  const over = new AbortController();
  const signal = AbortSignal.any([session.shell.signal, limit, over.signal]);
  const limited = { ...session, shell: { ...session.shell, signal } };
  const codes = new Set<ExitCode>();
  const texts: string[] = [];
  const ends = inOrderOfEnd(ids, (id) => endOf(limited, id, values, options));
  try {
    for await (const { id, sight, fault } of ends) {
      if (fault) await session.note(`dms-frontend: task ${id}: ${fault.message}`);
      codes.add(fault ? fault.exitCode : sight ? codeOfEnd(sight.task) : exitCodes.done);
      if (sight && session.format === "json" && ids.length > 1) texts.push(JSON.stringify(sight.task));
      else if (sight) await printEnd(session, sight);
      if (options.any) break;
    }
  } catch (error) {
    if (!limit.aborted || session.shell.signal.aborted) throw error;
    const running = ids.length === 1 ? `task ${ids[0]} still runs` : "some tasks still run";
    throw new Failure(exitCodes.timedOut, `${running} after ${formatLimit(options.timeout ?? 0)}`);
  } finally {
    over.abort();
    if (session.format === "json" && ids.length > 1) await session.line(`{"tasks":[${texts.join(",")}]}`);
  }
  const order = [exitCodes.failed, exitCodes.unavailable, exitCodes.notFound, exitCodes.denied, exitCodes.cancelled];
  return order.find((code) => codes.has(code)) ?? exitCodes.done;
}

interface End {
  readonly id: string;
  readonly sight?: Sight;
  readonly fault?: Failure;
}

async function endOf(session: Session, id: string, values: Values, pace: WaitOptions): Promise<End> {
  const followed = { route: endpoints.getTask, values: { ...values, task_id: id } };
  try {
    for await (const sight of follow(session, followed, pace)) if (hasEnded(sight.task)) return { id, sight };
    return { id };
  } catch (error) {
    if (error instanceof Failure) return { id, fault: error };
    throw error;
  }
}

async function printEnd({ format, line, paint }: Session, { task, text }: Sight): Promise<void> {
  if (format === "json") return line(text);
  if (format === "jsonl") return line(JSON.stringify(task));
  if (format === "id") return line(task.task_id);
  const { message = "" } = splitEntry(task.logs?.at(-1) ?? "");
  const status = paint(statusColour(statusOf(task)), tame(statusOf(task)));
  return line(`Task ${tame(task.task_id)}: ${status}${message === "" ? "" : `  ${paint("dim", tame(message))}`}`);
}
