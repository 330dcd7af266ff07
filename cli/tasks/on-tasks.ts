import { statusOf } from "../display/columns.ts";
import { printTasks } from "../display/print-list.ts";
import { taskLines } from "../display/print-task.ts";
import { type ExitCode, exitCodes, Failure } from "../exit-code.ts";
import { statusColour } from "../output/colour.ts";
import { type ShowTime, type TimeOptions, timeFormat } from "../output/times.ts";
import { sanitize } from "../output/width.ts";
import { parseTask, type Task } from "../request/answers.ts";
import type { Route, Values } from "../request/route.ts";
import type { Piece } from "../request/task-list.ts";
import type { Session } from "../session.ts";
import { inOrder } from "./in-order.ts";

/** An operation on each of several tasks. */
export interface TaskVerb {
  readonly route: Route;
  /** Values in addition to the task id. */
  readonly values: Values;
  /** Describes the outcome for a task as text. @default the task itself is printed */
  readonly says?: (task: Task) => string;
  /** The member of the answer that contains the task. @default task */
  readonly member?: string;
}

const concurrency = 8;

/** Performs an operation on each task and prints the answers. An error is thrown for one task, printed for several. */
export async function actOnTasks(
  session: Session,
  ids: readonly string[],
  verb: TaskVerb,
  options: TimeOptions,
): Promise<ExitCode> {
  const showTime = timeFormat(options, session.now);
  const ask = (id: string) => session.client.text({ route: verb.route, values: { ...verb.values, task_id: id } });
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) {
    await printOne(session, await ask(only), verb, showTime);
    return exitCodes.done;
  }
  let failed = false;
  async function* pieces(): AsyncGenerator<Piece> {
    for await (const { id, text, failure } of inOrder(ids, concurrency, (id) => attempt(id, ask))) {
      if (text !== undefined) yield { tasks: [parseTask(text, verb.member)], cutOff: false };
      if (failure === undefined) continue;
      failed = true;
      await session.note(`dms-frontend: task ${id}: ${failure.message}`);
    }
  }
  if (session.format === "table" && verb.says) await say(session, pieces(), verb.says);
  else await printTasks(session, session.format === "table" ? together(pieces()) : pieces(), { showTime });
  return failed ? exitCodes.failed : exitCodes.done;
}

interface Outcome {
  readonly id: string;
  readonly text?: string;
  readonly failure?: Failure;
}

async function attempt(id: string, ask: (id: string) => Promise<string>): Promise<Outcome> {
  try {
    return { id, text: await ask(id) };
  } catch (error) {
    if (error instanceof Failure) return { id, failure: error };
    throw error;
  }
}

async function printOne(session: Session, text: string, { says, member }: TaskVerb, showTime: ShowTime): Promise<void> {
  const { format, line } = session;
  if (format === "json") return line(text);
  const task = parseTask(text, member);
  if (format === "jsonl") return line(JSON.stringify(task));
  if (format === "id") return line(task.task_id);
  if (says) return line(sentence(session, task, says));
  return line(taskLines(task, session, showTime).join("\n"));
}

async function say(session: Session, pieces: AsyncIterable<Piece>, says: (task: Task) => string): Promise<void> {
  for await (const { tasks } of pieces) for (const task of tasks) await session.line(sentence(session, task, says));
}

function sentence({ paint }: Session, task: Task, says: (task: Task) => string): string {
  return `Task ${sanitize(task.task_id)}: ${paint(statusColour(statusOf(task)), says(task))}`;
}

/** Collects all rows, so that the columns of a table fit all of them. */
async function* together(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
  const tasks: Task[] = [];
  for await (const piece of pieces) tasks.push(...piece.tasks);
  yield { tasks, cutOff: false };
}
