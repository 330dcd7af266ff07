import { exactTimeFormat, type TimeOptions } from "../output/times.ts";
import { sanitize } from "../output/width.ts";
import type { Snapshot } from "../request/poll.ts";
import type { Session } from "../session.ts";
import { statusOf } from "./columns.ts";
import { splitEntry } from "./log-entry.ts";
import { progressOf } from "./progress.ts";
import { progressText } from "./progress-bar.ts";

/** Shows the changes of a task. */
export interface View {
  show(snapshot: Snapshot): Promise<void>;
  /** Restores the terminal. Tolerates being called twice. */
  close(): void;
}

/** Prints one line per change: the record as JSON, or log lines, status and progress as text. */
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
        await session.line(`${showTime(time)} log ${sanitize(message)}`);
      }
      logged = task.logs?.length ?? 0;
      const current = progressOf(task);
      const text = current ? progressText(current) : undefined;
      if (statusOf(task) !== status || text !== progress) {
        await session.line(
          `${showTime(task.updated_at)} ${sanitize(statusOf(task))}${text ? ` ${sanitize(text)}` : ""}`,
        );
      }
      status = statusOf(task);
      progress = text;
    },
    close() {},
  };
}
