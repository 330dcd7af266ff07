import { type Command, InvalidArgumentError, Option } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { addTimeOptions, outputOption } from "../options.ts";
import type { TimeOptions } from "../output/times.ts";
import { parseObject } from "../request/answers.ts";
import type { Values } from "../request/route.ts";
import { performRemotely, type Session } from "../session.ts";
import { addOwnerOptions, type OwnerOptions, ownerValues } from "./owner.ts";
import { readParameters } from "./parameters.ts";
import { addWaitOptions, type WaitOptions, waitForTasks } from "./wait.ts";
import { watchTask } from "./watch.ts";

interface SubmitOptions extends OwnerOptions, WaitOptions, TimeOptions {
  readonly param?: readonly string[];
  readonly paramsFile?: string;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
  readonly watch?: boolean;
}

/** Longer queries travel as a body: proxies and servers refuse long URLs. In characters. */
const longestQuery = 6000;

/** `tasks submit` */
export function submitCommand(host: Host): Command {
  const command = describeCommand("submit", {
    summary: "Submit a task",
    description:
      "Submit a task. The request carries an Idempotency-Key, so that it can be repeated while the server is away " +
      "and still makes one task.",
    examples: [
      [
        "a task with two parameters",
        "dms-frontend tasks submit --service sync --user alice --param src=/a --param dst=/b",
      ],
      ["follow it to its end", "dms-frontend tasks submit --service sync --user alice --param src=/a --watch"],
      [
        "only the id, for a script",
        "id=$(dms-frontend tasks submit --service sync --user alice --param src=/a --output id)",
      ],
      [
        "parameters from a file, or from standard input with -",
        "dms-frontend tasks submit --service sync --user alice --params-file job.yaml",
      ],
    ],
  });
  addOwnerOptions(command)
    .option("-p, --param <name=value>", "a parameter; may be repeated", (text, all: string[] = []) => [...all, text])
    .option("--params-file <file>", "parameters from a JSON or YAML file, - for standard input; --param wins")
    .addOption(
      new Option(
        "--idempotency-key <key>",
        "makes repetitions of this command one task; without it a new key each time",
      ).argParser(headerText),
    )
    .option("--wait", "wait until the task has ended; the exit code tells how")
    .option("--watch", "show the task's progress until it has ended")
    .addOption(outputOption());
  addTimeOptions(addWaitOptions(command));
  return performRemotely<SubmitOptions>(host, command, async (session, options) => {
    const values = ownerValues(options);
    const parameters = await readParameters(session.shell, options.param ?? [], options.paramsFile);
    const text = await submit(session, values, parameters, options.idempotencyKey ?? crypto.randomUUID());
    const id = String(parseObject(text).task_id);
    const follows = options.wait || options.watch;
    if (session.format === "id") await session.line(id);
    else if (follows) await session.note(`Submitted task ${id}.`);
    else await session.line(session.format === "table" ? `Submitted task ${id}.` : text);
    // Whoever asks for the id takes the lines for it.
    const following = session.format === "id" ? { ...session, line: async () => {} } : session;
    if (options.watch) return watchTask(following, { id, values }, options);
    return options.wait ? waitForTasks(following, [id], values, options) : undefined;
  });
}

/** A text as a header carries it: one character for each of its bytes. */
function headerText(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length > 0 && bytes.length <= 255 && bytes.every((byte) => byte > 0x1f && byte !== 0x7f)) {
    return bytes.toString("latin1");
  }
  throw new InvalidArgumentError("It has to be 1 to 255 bytes without control characters.");
}

function submit(
  { client }: Session,
  values: Values,
  parameters: ReadonlyMap<string, string>,
  key: string,
): Promise<string> {
  const given = Object.fromEntries(parameters);
  const call = { route: endpoints.submitTask, values, headers: { "idempotency-key": key }, repeatable: true };
  const long = new URLSearchParams(given).toString().length > longestQuery;
  return client.text(long ? { ...call, body: JSON.stringify({ parameters: given }) } : { ...call, parameters: given });
}
