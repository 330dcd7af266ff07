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

/** Longer queries are sent as a body, because proxies and servers refuse long URLs. In characters. */
const maxQueryLength = 6000;

/** `tasks submit` */
export function submitCommand(host: Host): Command {
  const command = describeCommand("submit", {
    summary: "Submit a task",
    description:
      "Submit a task. The request has an Idempotency-Key, so that retries while the server is unavailable create " +
      "one task.",
    examples: [
      [
        "a task with two parameters",
        "dms-frontend tasks submit --service sync --user alice --param src=/a --param dst=/b",
      ],
      [
        "watch the task until it has ended",
        "dms-frontend tasks submit --service sync --user alice --param src=/a --watch",
      ],
      [
        "only the task id, for a script",
        "id=$(dms-frontend tasks submit --service sync --user alice --param src=/a --output id)",
      ],
      [
        "parameters from a file, or from standard input with -",
        "dms-frontend tasks submit --service sync --user alice --params-file job.yaml",
      ],
    ],
  });
  addOwnerOptions(command)
    .option("-p, --param <name=value>", "task parameter; may be repeated", (text, all: string[] = []) => [...all, text])
    .option(
      "--params-file <file>",
      "parameters from a JSON or YAML file, - for standard input; --param takes precedence",
    )
    .addOption(
      new Option(
        "--idempotency-key <key>",
        "submissions with the same key create one task (default: a new key each time)",
      ).argParser(headerText),
    )
    .option("--wait", "wait until the task has ended; the exit code is the outcome")
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
    // With `--output id`, scripts read every line as an id.
    const following = session.format === "id" ? { ...session, line: async () => {} } : session;
    if (options.watch) return watchTask(following, { id, values }, options);
    return options.wait ? waitForTasks(following, [id], values, options) : undefined;
  });
}

/** A text as a header value: one character per byte. */
function headerText(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length > 0 && bytes.length <= 255 && bytes.every((byte) => byte > 0x1f && byte !== 0x7f)) {
    return bytes.toString("latin1");
  }
  throw new InvalidArgumentError("It must be 1 to 255 bytes without control characters.");
}

function submit(
  { client }: Session,
  values: Values,
  parameters: ReadonlyMap<string, string>,
  key: string,
): Promise<string> {
  const given = Object.fromEntries(parameters);
  const call = { route: endpoints.submitTask, values, headers: { "idempotency-key": key }, idempotent: true };
  const long = new URLSearchParams(given).toString().length > maxQueryLength;
  return client.text(long ? { ...call, body: JSON.stringify({ parameters: given }) } : { ...call, parameters: given });
}
