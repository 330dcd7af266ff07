import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { count, outputOption } from "../options.ts";
import { fieldLines, rowLines } from "../output/fields.ts";
import { isObject, parseObject } from "../request/answers.ts";
import type { Route } from "../request/route.ts";
import type { Session } from "../session.ts";
import { write } from "../shell.ts";
import { performAsOperator } from "./operator.ts";

interface StateVerb {
  readonly name: string;
  readonly summary: string;
  readonly route: Route;
}

const verbs: readonly StateVerb[] = [
  { name: "dispatch", summary: "Show the state of the queue", route: endpoints.adminDispatchState },
  {
    name: "pause",
    summary: "Pause submissions to the scheduler; cancellations continue",
    route: endpoints.adminPauseDispatch,
  },
  { name: "resume", summary: "Resume submissions to the scheduler", route: endpoints.adminResumeDispatch },
];

/** `admin dispatch`, `pause` and `resume` */
export const dispatchCommands = verbs.map(({ name, summary, route }) => (host: Host): Command => {
  const command = describeCommand(name, { summary, examples: [[summary.toLowerCase(), `dms-frontend admin ${name}`]] });
  command.addOption(outputOption(["table", "json", "jsonl"]));
  return performAsOperator(host, command, async (session) => {
    await printFields(session, await session.client.text({ route, values: {} }));
    return undefined;
  });
});

/** Prints an answer unchanged, or its fields as text. */
export async function printFields(session: Session, text: string): Promise<void> {
  await session.line(session.format === "table" ? fieldLines(parseObject(text), session).join("\n") : text);
}

const pageSize = 500;

/** `admin dead-letters` */
export function deadLettersCommand(host: Host): Command {
  const command = describeCommand("dead-letters", {
    summary: "List dead letters, oldest first",
    examples: [
      ["all dead letters", "dms-frontend admin dead-letters"],
      [
        "retry all of them",
        'dms-frontend admin retry "$(dms-frontend admin dead-letters --output id | paste -sd,)" --yes',
      ],
    ],
  })
    .addOption(count("--limit <n>", "maximum number of dead letters (default: all)"))
    .addOption(outputOption());
  return performAsOperator<{ limit?: number }>(host, command, async (session, { limit }) => {
    await printDeadLetters(session, limit ?? Number.POSITIVE_INFINITY);
    return undefined;
  });
}

async function printDeadLetters(session: Session, limit: number): Promise<void> {
  const { client, format, shell, line } = session;
  let left = limit;
  let cursor: string | undefined;
  let shown = 0;
  if (format === "json") await write(shell.stdout, '{"dead_letters":[');
  do {
    const values = { limit: String(Math.min(left, pageSize)), cursor };
    const page = parseObject(await client.text({ route: endpoints.adminListDeadLetters, values }));
    const letters = Array.isArray(page.dead_letters) ? page.dead_letters.filter(isObject) : [];
    const texts = letters.map((letter) => (format === "id" ? String(letter.task_id) : JSON.stringify(letter)));
    if (format === "json") await write(shell.stdout, (shown > 0 && texts.length > 0 ? "," : "") + texts.join(","));
    else if (letters.length > 0) await line((format === "table" ? rowLines(letters, session) : texts).join("\n"));
    shown += letters.length;
    left -= letters.length;
    cursor = typeof page.next_cursor === "string" ? page.next_cursor : undefined;
  } while (cursor !== undefined && left > 0);
  if (format === "json") await line("]}");
  if (format === "table" && shown === 0) await session.note("No dead letters.");
}
