import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { createLineView } from "../display/line-view.ts";
import { createLiveView } from "../display/live-view.ts";
import { formatLimit } from "../duration.ts";
import { type ExitCode, exitCodes, Failure, usageFailure } from "../exit-code.ts";
import { addTimeOptions, maxWait, outputOption, taskIdOption } from "../options.ts";
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
      "Show a task live until it has ended: status, elapsed time, progress and new log lines. In a pipe, print one line " +
      "per change.",
    examples: [
      ["a task in a terminal", "dms-frontend tasks watch 17 --service sync --user alice"],
      ["every change as JSON", "dms-frontend tasks watch 17 --service sync --user alice --output jsonl"],
    ],
  })
    .argument("[id]", "task id")
    .addOption(taskIdOption());
  addTimeOptions(
    addWaitOptions(addOwnerOptions(command)).addOption(
      outputOption(["table", "json", "jsonl"], "text, live in a terminal"),
    ),
  );
  return performRemotely<OwnerOptions & WaitOptions & IdsOptions & TimeOptions>(
    host,
    command,
    (session, options, args) => {
      const [id, second] = idsOf(args, options);
      if (id === undefined || second !== undefined) throw usageFailure("watch takes exactly one task id");
      return watchTask(session, { id, values: ownerValues(options) }, options);
    },
  );
}

/** Shows the changes of a task until it has ended; the exit code is the outcome. */
export async function watchTask(
  session: Session,
  { id, values }: { readonly id: string; readonly values: Values },
  options: WaitOptions & TimeOptions & { readonly output?: string },
): Promise<ExitCode> {
  const asJson = options.output === "json" || options.output === "jsonl";
  const live = !asJson && session.shell.stdout.isTTY === true && session.shell.env.TERM !== "dumb";
  const view = live ? createLiveView(session, options) : createLineView(session, options, asJson);
  const timeout = AbortSignal.timeout(options.timeout ?? maxWait);
  const signal = AbortSignal.any([session.shell.signal, timeout]);
  const limited = { ...session, shell: { ...session.shell, signal } };
  // Polls at least once a second: a user is watching, and progress comes every few seconds.
  const polling = { ...options, interval: Math.min(options.interval, 1000) };
  try {
    for await (const snapshot of follow(
      limited,
      { route: endpoints.getTask, values: { ...values, task_id: id } },
      polling,
    )) {
      await view.show(snapshot);
      if (hasEnded(snapshot.task)) return codeOfEnd(snapshot.task);
    }
    return exitCodes.done;
  } catch (error) {
    if (!timeout.aborted || session.shell.signal.aborted) throw error;
    throw new Failure(
      exitCodes.timedOut,
      `timed out after ${formatLimit(options.timeout ?? 0)}; task ${id} is still running`,
    );
  } finally {
    view.close();
  }
}
