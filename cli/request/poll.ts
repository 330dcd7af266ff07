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

export interface PollOptions {
  /** Maximum polling interval, in ms. */
  readonly interval: number;
  /** How long to keep polling while the server is unavailable, in ms. */
  readonly patience: number;
}

/** A task as read by one poll. */
export interface Snapshot {
  readonly task: Task;
  /** The unchanged answer. */
  readonly text: string;
}

const firstInterval = 200;
/** Minimum polling interval, in ms. */
const minInterval = 50;

/**
 * Polls a task: quickly at first, then at the interval. Ends with the snapshot of the ended task. While the server is
 * unavailable, polling continues for `patience`; after that, and for any other error, this throws the Failure.
 */
export async function* follow(
  session: Session,
  followed: Followed,
  { interval, patience }: PollOptions,
): AsyncGenerator<Snapshot> {
  const { client, shell } = session;
  const maxInterval = Math.max(minInterval, interval);
  let wait = Math.min(firstInterval, maxInterval);
  let answeredAt = performance.now();
  for (;;) {
    try {
      const text = await client.text({ ...followed, signal: shell.signal });
      answeredAt = performance.now();
      const task = parseTask(text);
      yield { task, text };
      if (hasEnded(task)) return;
    } catch (error) {
      const unavailable = error instanceof Failure && error.exitCode === exitCodes.unavailable;
      if (!unavailable || performance.now() - answeredAt >= patience) throw error;
    }
    await pause(wait, shell.signal);
    wait = Math.min(maxInterval, wait * 1.5);
  }
}

/** True when a task has a terminal status. */
export function hasEnded({ status }: Task): boolean {
  return isStatus(status) && isTerminal(status);
}

/** The exit code for an ended task. */
export function codeOfEnd({ status }: Task): ExitCode {
  if (status === "completed") return exitCodes.done;
  return status === "cancelled" ? exitCodes.cancelled : exitCodes.failed;
}
