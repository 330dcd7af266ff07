import { formatDuration } from "../duration.ts";
import { statusColour } from "../output/colour.ts";
import { exactTimeFormat, type TimeOptions } from "../output/times.ts";
import { cut, tame, widthOf } from "../output/width.ts";
import type { Task } from "../request/answers.ts";
import { hasEnded } from "../request/poll.ts";
import type { Session } from "../session.ts";
import { columnsOf } from "../shell.ts";
import { statusOf } from "./columns.ts";
import type { View } from "./line-view.ts";
import { splitEntry } from "./log-entry.ts";
import { progressOf } from "./progress.ts";
import { progressBar, progressText } from "./progress-bar.ts";

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const eraseBelow = "\u001b[J";

/** `04:41:14` of a record's time. */
function timeOfDay(time: string | undefined): string {
  return tame(time?.slice(11, 19) ?? "");
}

/** Draws a task at the bottom of the terminal again and again, its log scrolling by above. */
export function createLiveView({ shell, paint, now }: Session, options: TimeOptions): View {
  const { stdout } = shell;
  const showTime = options.utc || options.timezone ? exactTimeFormat(options) : timeOfDay;
  let drawn = 0;
  let logged = 0;
  let task: Task | undefined;
  let open = true;
  const timer = setInterval(() => draw([]), 1000);
  stdout.write(hideCursor);

  function draw(above: readonly string[]): void {
    if (!task || !open) return;
    const lines = statusLines(task);
    const back = drawn > 0 ? `\u001b[${drawn}A\r` : "\r";
    stdout.write(`${back}${eraseBelow}${[...above, ...lines].map((line) => `${line}\n`).join("")}`);
    drawn = lines.length;
  }

  function statusLines(current: Task): string[] {
    const width = columnsOf(stdout);
    const status = statusOf(current);
    const started = Date.parse(current.created_at ?? "");
    const ended = hasEnded(current) ? Date.parse(current.updated_at ?? "") : now();
    const elapsed = Number.isNaN(started) || Number.isNaN(ended) ? "" : `  ${formatDuration(ended - started)}`;
    const plain = `Task ${tame(current.task_id)}  ${tame(status)}${elapsed}`;
    // A line that the terminal breaks in two would not be drawn over.
    const head =
      widthOf(plain) < width
        ? `Task ${tame(current.task_id)}  ${paint(statusColour(status), tame(status))}${paint("dim", elapsed)}`
        : cut(plain, width - 1);
    const progress = progressOf(current);
    if (!progress) return [head];
    const room = width - progressText(progress).length - 2;
    return room < 5
      ? [head, cut(progressText(progress), width - 1)]
      : [head, progressBar(progress, Math.min(40, room), paint)];
  }

  function logLine(entry: string): string {
    const { time, message } = splitEntry(entry);
    return `${paint("dim", showTime(time))} ${tame(message)}`;
  }

  return {
    async show(sight) {
      task = sight.task;
      const entries = task.logs ?? [];
      draw(entries.slice(logged).map(logLine));
      logged = entries.length;
    },
    close() {
      if (!open) return;
      open = false;
      clearInterval(timer);
      stdout.write(showCursor);
    },
  };
}
