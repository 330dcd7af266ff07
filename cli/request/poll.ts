import { isStatus, isTerminal } from "../../task-state/record/lifecycle.ts";
import { type ExitCode, exitCodes, Failure } from "../exit-code.ts";
import { pause } from "../pause.ts";
import type { Session } from "../session.ts";
import { parseTask, type Task } from "./answers.ts";
import type { Route, Values } from "./route.ts";

/** A task that is being followed. */
export interface Followed {
  readonly route: Route;
  /** Path and query values, the task id among them. */
  readonly values: Values;
}

export interface Pace {
  /** Longest time between two looks, in ms. */
  readonly interval: number;
  /** How long the server may be away, in ms. */
  readonly patience: number;
}

/** A sight of a task. */
export interface Sight {
  readonly task: Task;
  /** The answer as it came. */
  readonly text: string;
}

const firstPause = 200;
/** Nobody may ask more often than this, in ms. */
const shortestPause = 50;

/**
 * Looks at a task again and again: soon at first, then at the interval. Ends with the sight of the ended task. A server
 * that is away is asked again until patience ends; then, and for every other fault, this throws the Failure.
 */
export async function* follow(
  session: Session,
  followed: Followed,
  { interval, patience }: Pace,
): AsyncGenerator<Sight> {
  const { client, shell } = session;
  const longest = Math.max(shortestPause, interval);
  let wait = Math.min(firstPause, longest);
  let seenAt = performance.now();
  for (;;) {
    try {
      const text = await client.text({ ...followed, signal: shell.signal });
      seenAt = performance.now();
      const task = parseTask(text);
      yield { task, text };
      if (hasEnded(task)) return;
    } catch (error) {
      const away = error instanceof Failure && error.exitCode === exitCodes.unavailable;
      if (!away || performance.now() - seenAt >= patience) throw error;
    }
    await pause(wait, shell.signal);
    wait = Math.min(longest, wait * 1.5);
  }
}

/** True when a task will not change any more. */
export function hasEnded({ status }: Task): boolean {
  return isStatus(status) && isTerminal(status);
}

/** The exit code that an ended task stands for. */
export function codeOfEnd({ status }: Task): ExitCode {
  if (status === "completed") return exitCodes.done;
  return status === "cancelled" ? exitCodes.cancelled : exitCodes.failed;
}
