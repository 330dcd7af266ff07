import type { Command } from "../redis/command.ts";
import { keys } from "../redis/keys.ts";

/** How long a user's parked tasks wait before it is asked again whether they may go on, in ms. */
export const parkingPause = 500;

/** The commands that park a task with its user's others. `now` in ms. */
export function park(id: string, user: string, now: number, probe: boolean): Command[] {
  const commands: Command[] = [
    ["ZADD", keys.parked(user), id, id],
    ["SADD", keys.held, id],
    ["ZADD", keys.parkedUsers, "NX", now + parkingPause, user],
  ];
  if (probe) commands.push(["HSET", keys.parkedPace, user, 1]);
  return commands;
}
