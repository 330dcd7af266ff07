import type { Owner } from "../record/record.ts";
import type { Command } from "../redis/command.ts";
import { keys } from "../redis/keys.ts";

/** What was attempted in vain. `read`: a task that cannot be read, or a stream entry that names none. */
export type DeadRequest = "submit" | "cancel" | "read";

export interface NewDeadLetter {
  readonly request: DeadRequest;
  readonly attempts: number;
  /** The last error. */
  readonly error: string;
}

/** Something that was given up and waits for an operator. */
export interface DeadLetter extends NewDeadLetter {
  /** The task; the id of the stream entry where it names none. */
  readonly task_id: string;
  readonly service?: string;
  readonly user_id?: string;
  /** When it was given up: ISO 8601, UTC. */
  readonly at: string;
  /** Of a task that cannot be read: its letter from before, which comes back once it can. */
  readonly replaces?: DeadLetter;
}

/** The commands that add a task to the list, or take it off. `now` in ms. */
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

/** The commands that take a letter off the list. */
export function removal(id: string): Command[] {
  return [
    ["ZREM", keys.dead, id],
    ["HDEL", keys.deadLetters, id],
  ];
}

/** A time in ms as letters tell it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
