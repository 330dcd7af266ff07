import { formatDuration } from "../duration.ts";
import { statusColour } from "../output/colour.ts";
import { exactTimeFormat, type TimeOptions } from "../output/times.ts";
import { cut, sanitize, widthOf } from "../output/width.ts";
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

/** The time of day of a record's time, such as `04:41:14`. */
function timeOfDay(time: string | undefined): string {
  return sanitize(time?.slice(11, 19) ?? "");
}

/** Redraws a task at the bottom of the terminal; its log scrolls above. */
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
    const moveUp = drawn > 0 ? `\u001b[${drawn}A\r` : "\r";
    stdout.write(`${moveUp}${eraseBelow}${[...above, ...lines].map((line) => `${line}\n`).join("")}`);
    drawn = lines.length;
  }

  function statusLines(current: Task): string[] {
    const width = columnsOf(stdout);
    const status = statusOf(current);
    const started = Date.parse(current.created_at ?? "");
    const ended = hasEnded(current) ? Date.parse(current.updated_at ?? "") : now();
    const elapsed = Number.isNaN(started) || Number.isNaN(ended) ? "" : `  ${formatDuration(ended - started)}`;
    const plain = `Task ${sanitize(current.task_id)}  ${sanitize(status)}${elapsed}`;
    // A line that the terminal wraps would not be overwritten.
    const head =
      widthOf(plain) < width
        ? `Task ${sanitize(current.task_id)}  ${paint(statusColour(status), sanitize(status))}${paint("dim", elapsed)}`
        : cut(plain, width - 1);
    const progress = progressOf(current);
    if (!progress) return [head];
    const available = width - progressText(progress).length - 2;
    return available < 5
      ? [head, cut(progressText(progress), width - 1)]
      : [head, progressBar(progress, Math.min(40, available), paint)];
  }

  function logLine(entry: string): string {
    const { time, message } = splitEntry(entry);
    return `${paint("dim", showTime(time))} ${sanitize(message)}`;
  }

  return {
    async show(snapshot) {
      task = snapshot.task;
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
