import { createTable, type Table } from "../output/table.ts";
import type { ShowTime } from "../output/times.ts";
import type { Task } from "../request/answers.ts";
import type { Piece } from "../request/task-list.ts";
import type { Session } from "../session.ts";
import { columnsOf, write } from "../shell.ts";
import { taskColumns } from "./columns.ts";

export interface PrintOptions {
  readonly showTime: ShowTime;
  /** Show the owner of each task. */
  readonly owner?: boolean;
}

/** Prints tasks as they arrive, in the session's format. */
export async function printTasks(
  session: Session,
  pieces: AsyncIterable<Piece>,
  { showTime, owner = false }: PrintOptions,
): Promise<void> {
  const { format, shell } = session;
  let table: Table<Task> | undefined;
  let shown = 0;
  let cutOff = false;
  if (format === "json") await write(shell.stdout, '{"tasks":[');
  for await (const piece of pieces) {
    cutOff = piece.cutOff;
    if (piece.tasks.length === 0) continue;
    if (format === "table" && !table) {
      table = createTable(taskColumns({ showTime, owner }), piece.tasks, columnsOf(shell.stdout), session.paint);
      await session.line(table.header);
    }
    const lines = piece.tasks.map((task) => {
      if (format === "id") return task.task_id;
      return table ? table.line(task) : JSON.stringify(task);
    });
    if (format === "json") await write(shell.stdout, (shown > 0 ? "," : "") + lines.join(","));
    else await session.line(lines.join("\n"));
    shown += piece.tasks.length;
  }
  if (format === "json") await session.line("]}");
  if (format === "table" && shown === 0) await session.note("No tasks.");
  if (format === "table" && cutOff) await session.note(`Showing ${shown} tasks; pass --limit or --all to see more.`);
}
