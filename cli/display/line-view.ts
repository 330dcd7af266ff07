import { exactTimeFormat, type TimeOptions } from "../output/times.ts";
import { tame } from "../output/width.ts";
import type { Sight } from "../request/poll.ts";
import type { Session } from "../session.ts";
import { statusOf } from "./columns.ts";
import { splitEntry } from "./log-entry.ts";
import { progressOf } from "./progress.ts";
import { progressText } from "./progress-bar.ts";

/** Shows a task that changes. */
export interface View {
  show(sight: Sight): Promise<void>;
  /** Leaves the terminal as it was. Tolerates being called twice. */
  close(): void;
}

/** Prints a line for every change: the record as JSON, or log lines, status and progress as text. */
export function createLineView(session: Session, options: TimeOptions, asJson: boolean): View {
  const showTime = exactTimeFormat(options);
  let last: string | undefined;
  let status: string | undefined;
  let progress: string | undefined;
  let logged = 0;
  return {
    async show({ task }) {
      const now = JSON.stringify(task);
      if (now === last) return;
      last = now;
      if (asJson) return session.line(now);
      for (const entry of (task.logs ?? []).slice(logged)) {
        const { time, message } = splitEntry(entry);
        await session.line(`${showTime(time)} log ${tame(message)}`);
      }
      logged = task.logs?.length ?? 0;
      const current = progressOf(task);
      const text = current ? progressText(current) : undefined;
      if (statusOf(task) !== status || text !== progress) {
        await session.line(`${showTime(task.updated_at)} ${tame(statusOf(task))}${text ? ` ${tame(text)}` : ""}`);
      }
      status = statusOf(task);
      progress = text;
    },
    close() {},
  };
}
