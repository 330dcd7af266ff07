import type { Redis } from "ioredis";
import { keys } from "../redis/keys.ts";

/** Why no task of a user is submitted now. */
export type Hold = "paused" | "all_blocked" | "user_blocked";

/** Describes a hold for people. */
export function holdText(hold: Hold, user: string): string {
  switch (hold) {
    case "paused":
      return "dispatch is paused";
    case "all_blocked":
      return "all requests are blocked";
    case "user_blocked":
      return `requests of ${user} are blocked`;
  }
}

/**
 * Parses the pause and the scheduler's blocks as stored: `keys.paused`, `keys.blocksAll`, `keys.blocksUser(user)`.
 * Invalid JSON blocks no task: the scheduler itself still refuses.
 */
export function readHold(
  user: string,
  paused: string | null,
  blocksAll: string | null,
  blocksUser: string | null,
): Hold | undefined {
  if (paused !== null) return "paused";
  const all = parseBlock(blocksAll);
  if (all?.blocked === true) return "all_blocked";
  const listed = Array.isArray(all?.blocked_users) && all.blocked_users.includes(user);
  return listed || parseBlock(blocksUser)?.blocked === true ? "user_blocked" : undefined;
}

/** Why no task of this user is submitted now, read from the primary. */
export async function findHold(redis: Redis, user: string): Promise<Hold | undefined> {
  const [paused = null, all = null, own = null] = await redis.mget(keys.paused, keys.blocksAll, keys.blocksUser(user));
  return readHold(user, paused, all, own);
}

interface Block {
  blocked?: unknown;
  blocked_users?: unknown;
}

function parseBlock(text: string | null): Block | undefined {
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
