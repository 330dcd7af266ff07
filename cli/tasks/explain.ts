import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { printFields } from "../admin/dispatch.ts";
import { performAsOperator } from "../admin/operator.ts";
import { describeCommand, type Host } from "../command.ts";
import { usageFailure } from "../exit-code.ts";
import { outputOption, taskIdOption } from "../options.ts";
import { performRemotely } from "../session.ts";
import { type IdsOptions, idsOf } from "./one-or-several.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";

/** `tasks explain` */
export function explainCommand(host: Host): Command {
  const command = makeCommand("dms-frontend tasks explain 17 --service sync --user alice");
  return performRemotely<OwnerOptions & IdsOptions>(host, addOwnerOptions(command), async (session, options, args) => {
    const values = { ...ownerValues(options), task_id: oneId(args, options) };
    await printFields(session, await session.client.text({ route: endpoints.explainTask, values }));
    return undefined;
  });
}

/** `admin explain` */
export function adminExplainCommand(host: Host): Command {
  return performAsOperator<IdsOptions>(
    host,
    makeCommand("dms-frontend admin explain 17"),
    async (session, options, args) => {
      const values = { task_id: oneId(args, options) };
      await printFields(session, await session.client.text({ route: endpoints.adminExplainTask, values }));
      return undefined;
    },
  );
}

function makeCommand(example: string): Command {
  return describeCommand("explain", {
    summary: "Explain the state of a task",
    examples: [["why a task does not start", example]],
  })
    .argument("[id]", "task id")
    .addOption(taskIdOption())
    .addOption(outputOption(["table", "json", "jsonl"]));
}

function oneId(args: readonly string[], options: IdsOptions): string {
  const [id, second] = idsOf(args, options);
  if (id === undefined || second !== undefined) throw usageFailure("explain takes exactly one task id");
  return id;
}
