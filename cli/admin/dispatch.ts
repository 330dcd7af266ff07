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
  { name: "dispatch", summary: "Show how the queue stands", route: endpoints.adminDispatchState },
  {
    name: "pause",
    summary: "Submit nothing to the scheduler until resumed; cancellations go on",
    route: endpoints.adminPauseDispatch,
  },
  { name: "resume", summary: "Go on submitting", route: endpoints.adminResumeDispatch },
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

/** Prints an answer as it came, or its fields for people. */
export async function printFields(session: Session, text: string): Promise<void> {
  await session.line(session.format === "table" ? fieldLines(parseObject(text), session).join("\n") : text);
}

const pageSize = 500;

/** `admin dead-letters` */
export function deadLettersCommand(host: Host): Command {
  const command = describeCommand("dead-letters", {
    summary: "List what was given up, oldest first",
    examples: [
      ["all of it", "dms-frontend admin dead-letters"],
      [
        "try all of it again",
        'dms-frontend admin retry "$(dms-frontend admin dead-letters --output id | paste -sd,)" --yes',
      ],
    ],
  })
    .addOption(count("--limit <n>", "at most this many; without it all"))
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
