import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { createLineView } from "../display/line-view.ts";
import { createLiveView } from "../display/live-view.ts";
import { formatLimit } from "../duration.ts";
import { type ExitCode, exitCodes, Failure, usageFailure } from "../exit-code.ts";
import { addTimeOptions, longestWait, outputOption, taskIdOption } from "../options.ts";
import type { TimeOptions } from "../output/times.ts";
import { codeOfEnd, follow, hasEnded } from "../request/poll.ts";
import type { Values } from "../request/route.ts";
import { performRemotely, type Session } from "../session.ts";
import { type IdsOptions, idsOf } from "./one-or-several.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";
import { addWaitOptions, type WaitOptions } from "./wait.ts";

/** `tasks watch` */
export function watchCommand(host: Host): Command {
  const command = describeCommand("watch", {
    summary: "Show a task live until it has ended",
    description:
      "Show a task live until it has ended: status, elapsed time, progress and new log lines; in a pipe one line per change.",
    examples: [
      ["a task in a terminal", "dms-frontend tasks watch 17 --service sync --user alice"],
      ["every change as JSON", "dms-frontend tasks watch 17 --service sync --user alice --output jsonl"],
    ],
  })
    .argument("[id]", "the task")
    .addOption(taskIdOption());
  addTimeOptions(
    addWaitOptions(addOwnerOptions(command)).addOption(
      outputOption(["table", "json", "jsonl"], "lines of text, live in a terminal"),
    ),
  );
  return performRemotely<OwnerOptions & WaitOptions & IdsOptions & TimeOptions>(
    host,
    command,
    (session, options, args) => {
      const [id, second] = idsOf(args, options);
      if (id === undefined || second !== undefined) throw usageFailure("one task can be watched, not several");
      return watchTask(session, { id, values: ownerValues(options) }, options);
    },
  );
}

/** Shows one task's changes as they come; the exit code tells how it has ended. */
export async function watchTask(
  session: Session,
  { id, values }: { readonly id: string; readonly values: Values },
  options: WaitOptions & TimeOptions & { readonly output?: string },
): Promise<ExitCode> {
  const asJson = options.output === "json" || options.output === "jsonl";
  const live = !asJson && session.shell.stdout.isTTY === true && session.shell.env.TERM !== "dumb";
  const view = live ? createLiveView(session, options) : createLineView(session, options, asJson);
  const limit = AbortSignal.timeout(options.timeout ?? longestWait);
  const signal = AbortSignal.any([session.shell.signal, limit]);
  const limited = { ...session, shell: { ...session.shell, signal } };
  // In a terminal somebody looks on, and progress comes every few seconds anyway.
  const pace = { ...options, interval: Math.min(options.interval, 1000) };
  try {
    for await (const sight of follow(limited, { route: endpoints.getTask, values: { ...values, task_id: id } }, pace)) {
      await view.show(sight);
      if (hasEnded(sight.task)) return codeOfEnd(sight.task);
    }
    return exitCodes.done;
  } catch (error) {
    if (!limit.aborted || session.shell.signal.aborted) throw error;
    throw new Failure(exitCodes.timedOut, `task ${id} still runs after ${formatLimit(options.timeout ?? 0)}`);
  } finally {
    view.close();
  }
}
