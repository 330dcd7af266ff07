import type { Owner } from "../record/record.ts";
import type { Command } from "../redis/command.ts";
import { keys } from "../redis/keys.ts";

/** The request that failed. `read`: a task cannot be read, or a stream entry names none. */
export type DeadRequest = "submit" | "cancel" | "read";

export interface NewDeadLetter {
  readonly request: DeadRequest;
  readonly attempts: number;
  /** The last error. */
  readonly error: string;
}

/** A request that failed for good and waits for an operator. */
export interface DeadLetter extends NewDeadLetter {
  /** The task id, or the id of the stream entry if that names no task. */
  readonly task_id: string;
  readonly service?: string;
  readonly user_id?: string;
  /** When the letter was added: ISO 8601, UTC. */
  readonly at: string;
  /** For a task that cannot be read: its earlier letter, which is put back once the task can be read. */
  readonly replaces?: DeadLetter;
}

/** The commands that add a task to the dead letters, or remove it. `now` in ms. */
export function deadLetterCommands(id: string, owner: Owner, letter: NewDeadLetter | null, now: number): Command[] {
  if (letter === null) return removal(id);
  return addition(id, { task_id: id, service: owner.service, user_id: owner.user, ...letter, at: timeText(now) }, now);
}

/** The commands that add a letter. `now` in ms. */
export function addition(id: string, letter: DeadLetter, now: number): Command[] {
  return [
    ["ZADD", keys.dead, now, id],
    ["HSET", keys.deadLetters, id, JSON.stringify(letter)],
  ];
}

/** The commands that remove a letter. */
export function removal(id: string): Command[] {
  return [
    ["ZREM", keys.dead, id],
    ["HDEL", keys.deadLetters, id],
  ];
}

/** Formats a time in ms as letters show it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
