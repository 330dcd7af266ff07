import { isStatus, isTerminal } from "../../task-state/record/lifecycle.ts";
import type { Task } from "../request/answers.ts";

/** The progress of a task's tool, from its latest progress line. */
export interface Progress {
  /** `Copied`, `Created`, `Removed` … */
  readonly verb: string;
  /** `1.234 GB`, `1200 items` */
  readonly amount: string;
  /** From 0 to 100. */
  readonly percent: number;
  /** `0.100 GB/s` */
  readonly rate: string;
  /** `undefined` when the tool does not know it yet, and when the task has ended. */
  readonly secondsLeft: number | undefined;
  readonly done: boolean;
}

/** Lines of mpiFileUtils: `Copied 1.234 GB (56%) in 12.345 secs (0.100 GB/s) 10 secs left ...`, at the end `done`. */
const line =
  /([A-Z][a-z]+) (\d[\d.]* \S+) \((\d[\d.]*)%\) in [\d.]+ secs \(([^)]*)\)(?: (-?\d+) secs (?:left|remaining)| (done))?/g;

/** Parses the latest progress line of a task; `undefined` when it has none. */
export function progressOf({ result, status }: Pick<Task, "result" | "status">): Progress | undefined {
  const output = result?.launcher_output;
  if (typeof output !== "string") return undefined;
  // Only the last progress line counts, and little output follows it.
  const found = [...output.slice(-20_000).matchAll(line)].at(-1);
  if (!found) return undefined;
  const [, verb = "", amount = "", percent = "", rate = "", left, done] = found;
  const ended = isStatus(status) && isTerminal(status);
  const seconds = left === undefined || ended ? undefined : Number(left);
  return {
    verb,
    amount,
    percent: Math.min(100, Number(percent)),
    rate,
    secondsLeft: seconds === undefined || seconds < 0 ? undefined : seconds,
    done: done !== undefined,
  };
}

/** `56%`, for a column of a table. */
export function shortProgress(progress: Progress | undefined): string {
  return progress ? `${Math.floor(progress.percent)}%` : "";
}
