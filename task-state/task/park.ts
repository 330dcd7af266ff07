import type { Command } from "../redis/command.ts";
import { keys } from "../redis/keys.ts";

/** Time between two checks of a user's parked tasks, in ms. */
export const parkingPause = 500;

/** The commands that park a task under its user. `now` in ms. */
export function park(id: string, user: string, now: number, probe: boolean): Command[] {
  const commands: Command[] = [
    ["ZADD", keys.parked(user), id, id],
    ["SADD", keys.held, id],
    ["ZADD", keys.parkedUsers, "NX", now + parkingPause, user],
  ];
  if (probe) commands.push(["HSET", keys.parkedPace, user, 1]);
  return commands;
}
