import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { statusOf } from "../display/columns.ts";
import { splitEntry } from "../display/log-entry.ts";
import { formatLimit } from "../duration.ts";
import { type ExitCode, exitCodes, Failure } from "../exit-code.ts";
import { duration, maxWait, outputOption, taskIdOption } from "../options.ts";
import { statusColour } from "../output/colour.ts";
import { sanitize } from "../output/width.ts";
import { codeOfEnd, follow, hasEnded, type Snapshot } from "../request/poll.ts";
import type { Values } from "../request/route.ts";
import { performRemotely, type Session } from "../session.ts";
import { inCompletionOrder } from "./completion-order.ts";
import { type IdsOptions, idsOf } from "./one-or-several.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

/** Options of commands that follow tasks until they have ended. */
export interface WaitOptions {
  readonly timeout?: number;
  readonly interval: number;
  readonly patience: number;
}

/** Adds {@link WaitOptions}. */
export function addWaitOptions(command: Command): Command {
  return command
    .addOption(duration("--timeout <duration>", "stop waiting after this time with exit code 124; the task continues"))
    .addOption(duration("--interval <duration>", "maximum polling interval").default(2000, "2s"))
    .addOption(
      duration("--patience <duration>", "keep polling this long while the server is unavailable").default(
        30_000,
        "30s",
      ),
    );
}

/** `tasks wait` */
export function waitCommand(host: Host): Command {
  const command = describeCommand("wait", {
    summary: "Wait until tasks have ended",
    description:
      "Wait until tasks have ended. The exit code is the outcome: 0 all completed, 1 one failed, 6 one was cancelled.",
    examples: [
      ["one task, for at most an hour", "dms-frontend tasks wait 17 --service sync --user alice --timeout 1h"],
      ["the first of several tasks to end", "dms-frontend tasks wait 1,2,5-9 --service sync --user alice --any"],
    ],
  })
    .argument("[ids...]", "task ids, such as 17 or 1,2,5-9")
    .addOption(taskIdOption())
    .option("--any", "wait until the first task has ended");
  addWaitOptions(addOwnerOptions(command)).addOption(outputOption());
  return performRemotely<OwnerOptions & WaitOptions & IdsOptions & { any?: boolean }>(
    host,
    command,
    (session, options, args) => waitForTasks(session, idsOf(args, options), ownerValues(options), options),
  );
}

/** Waits, prints each task when it ends, and gives the combined exit code: a failure outweighs other outcomes. */
export async function waitForTasks(
  session: Session,
  ids: readonly string[],
  values: Values,
  options: WaitOptions & { readonly any?: boolean },
): Promise<ExitCode> {
  const timeout = AbortSignal.timeout(options.timeout ?? maxWait);
  const done = new AbortController();
  const signal = AbortSignal.any([session.shell.signal, timeout, done.signal]);
  const limited = { ...session, shell: { ...session.shell, signal } };
  const codes = new Set<ExitCode>();
  const texts: string[] = [];
  const ends = inCompletionOrder(ids, (id) => endOf(limited, id, values, options));
  try {
    for await (const { id, snapshot, failure } of ends) {
      if (failure) await session.note(`dms-frontend: task ${id}: ${failure.message}`);
      codes.add(failure ? failure.exitCode : snapshot ? codeOfEnd(snapshot.task) : exitCodes.done);
      if (snapshot && session.format === "json" && ids.length > 1) texts.push(JSON.stringify(snapshot.task));
      else if (snapshot) await printEnd(session, snapshot);
      if (options.any) break;
    }
  } catch (error) {
    if (!timeout.aborted || session.shell.signal.aborted) throw error;
    const running = ids.length === 1 ? `task ${ids[0]} is still running` : "some tasks are still running";
    throw new Failure(exitCodes.timedOut, `timed out after ${formatLimit(options.timeout ?? 0)}; ${running}`);
  } finally {
    done.abort();
    if (session.format === "json" && ids.length > 1) await session.line(`{"tasks":[${texts.join(",")}]}`);
  }
  const order = [exitCodes.failed, exitCodes.unavailable, exitCodes.notFound, exitCodes.denied, exitCodes.cancelled];
  return order.find((code) => codes.has(code)) ?? exitCodes.done;
}

interface End {
  readonly id: string;
  readonly snapshot?: Snapshot;
  readonly failure?: Failure;
}

async function endOf(session: Session, id: string, values: Values, options: WaitOptions): Promise<End> {
  const followed = { route: endpoints.getTask, values: { ...values, task_id: id } };
  try {
    for await (const snapshot of follow(session, followed, options))
      if (hasEnded(snapshot.task)) return { id, snapshot };
    return { id };
  } catch (error) {
    if (error instanceof Failure) return { id, failure: error };
    throw error;
  }
}

async function printEnd({ format, line, paint }: Session, { task, text }: Snapshot): Promise<void> {
  if (format === "json") return line(text);
  if (format === "jsonl") return line(JSON.stringify(task));
  if (format === "id") return line(task.task_id);
  const { message = "" } = splitEntry(task.logs?.at(-1) ?? "");
  const status = paint(statusColour(statusOf(task)), sanitize(statusOf(task)));
  return line(
    `Task ${sanitize(task.task_id)}: ${status}${message === "" ? "" : `  ${paint("dim", sanitize(message))}`}`,
  );
}
