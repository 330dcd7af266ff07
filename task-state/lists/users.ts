import { keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import type { TaskStateContext } from "../task/context.ts";
import { catchUp } from "./catch-up.ts";
import { readPage } from "./lists.ts";

/** Users read per command. */
const pieceSize = 500;
/** Users checked at once whose newest task is gone. */
const atOnce = 8;

/*
 * Reads users in order, and whether the newest task of each still has a record.
 * keys   users (ordered)
 * args   from (BYLEX), count, ownerPrefix (the ordered index of one of their tasks, without the user), recordPrefix
 * reply  { user, 1 it has · 0 it is gone, … }
 */
const usersScript = defineScript({
  name: "users",
  keys: ["users"],
  args: ["from", "count", "ownerPrefix", "recordPrefix"],
  lua: `
local reply = {}
for index, user in ipairs(redis.call('ZRANGE', users, from, '+', 'BYLEX', 'LIMIT', 0, count)) do
  local newest = redis.call('ZRANGE', ownerPrefix .. user, -1, -1)[1]
  reply[2 * index - 1] = user
  reply[2 * index] = newest and redis.call('EXISTS', recordPrefix .. newest) or 0
end
return reply`,
});

/**
 * Reads the users of a service who have tasks, sorted by code point. A user whose tasks are all gone is left out, although
 * another program or an expiry left the name in the sets; the janitor removes it.
 */
export async function readUsers(context: TaskStateContext, service: string): Promise<string[]> {
  await catchUp(context, keys.service(service));
  const args = { ownerPrefix: keys.ordered(keys.owner({ service, user: "" })), recordPrefix: keys.record("") };
  const users: string[] = [];
  for (let from = "-"; ; ) {
    const named = { users: keys.ordered(keys.users(service)) };
    const reply = (await usersScript(context.primary, named, { from, count: pieceSize, ...args })) as (
      | string
      | number
    )[];
    const piece: { user: string; known: boolean }[] = [];
    for (let index = 0; index < reply.length; index += 2) {
      piece.push({ user: String(reply[index]), known: reply[index + 1] === 1 });
    }
    const doubtful = piece.filter(({ known }) => !known).map(({ user }) => user);
    const idle = doubtful.length > 0 ? await withoutTasks(context, service, doubtful) : new Set();
    users.push(...piece.map(({ user }) => user).filter((user) => !idle.has(user)));
    const last = piece.at(-1);
    if (piece.length < pieceSize || !last) return users;
    from = `(${last.user}`;
  }
}

/** Those of the users who have no task left, not even one that cannot be read. */
async function withoutTasks(
  context: TaskStateContext,
  service: string,
  users: readonly string[],
): Promise<ReadonlySet<string>> {
  const idle = new Set<string>();
  for (let first = 0; first < users.length; first += atOnce) {
    const checks = users.slice(first, first + atOnce).map(async (user) => {
      const page = await readPage(context, { service, user }, { limit: 1, order: "desc" });
      if (page.tasks.length === 0 && page.unreadable === undefined) idle.add(user);
    });
    await Promise.all(checks);
  }
  return idle;
}
