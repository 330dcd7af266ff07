import { keys } from "../redis/keys.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { unreadablePause } from "../task/quarantine.ts";
import { readView, type View } from "../task/view.ts";
import { findDeadLetter } from "./dead-letters.ts";

/** Tasks that are looked at together: each may bring a record of the largest size. */
const atOnce = 4;
/** Tasks of one round, and its longest time in ms, so that no dispatcher is kept from its work. */
const perRound = 500;
const longestRound = 500;

/*
 * Takes a task off the list of those that cannot be read, and gives it to the dispatchers where it is one of ours. Only a
 * letter of kind `read` goes, and the one that it has replaced comes back.
 * keys   unreadable, dead, deadLetters, sidecar, work, added
 * args   id
 * reply  1 done · 0 somebody else was faster
 */
const restoreScript = defineScript({
  name: "revive",
  keys: ["unreadable", "dead", "deadLetters", "sidecar", "work", "added"],
  args: ["id"],
  lua: `${writeCheck}
check_writes({
  { 'ZREM', unreadable }, { 'ZREM', dead }, { 'HSET', deadLetters }, { 'HDEL', deadLetters }, { 'XADD', work }, { 'INCR', added },
})
check_right('EXISTS', sidecar)
if redis.call('ZREM', unreadable, id) == 0 then return 0 end
local letter = redis.call('HGET', deadLetters, id)
if letter and string.find(letter, '"request":"read"', 1, true) then
  local _, start = string.find(letter, ',"replaces":', 1, true)
  if start then
    redis.call('HSET', deadLetters, id, string.sub(letter, start + 1, -2))
  else
    redis.call('ZREM', dead, id)
    redis.call('HDEL', deadLetters, id)
  end
end
if redis.call('EXISTS', sidecar) == 1 then
  redis.call('XADD', work, '*', 'id', id)
  redis.call('INCR', added)
end
return 1`,
});

/**
 * Looks at tasks that were set aside and whose time has come: those that can be read again go on, those that are gone lose
 * their letter, the rest waits anew with the reason of now. Any number of dispatchers may do so.
 * @returns how many can be read again or are gone
 */
export async function restoreReadable(context: TaskStateContext): Promise<number> {
  const { primary } = context;
  const { now } = await redisClock(primary);
  const ids = await primary.zrange(keys.unreadable, "-inf", String(now), "BYSCORE", "LIMIT", 0, perRound);
  const over = performance.now() + longestRound;
  let restored = 0;
  for (let first = 0; first < ids.length && performance.now() < over; first += atOnce) {
    const piece = ids.slice(first, first + atOnce);
    await primary.zadd(keys.unreadable, "XX", ...piece.flatMap((id) => [String(now + unreadablePause), id]));
    const done = await Promise.all(piece.map((id) => restoreOne(context, id)));
    restored += done.filter(Boolean).length;
  }
  return restored;
}

async function restoreOne(context: TaskStateContext, id: string): Promise<boolean> {
  const view = await readView(context, id);
  if (view.unreadable === undefined) return (await restore(context, view)) === 1;
  const letter = await findDeadLetter(context.primary, id);
  if (letter?.request === "read" && letter.error !== view.unreadable) {
    await context.primary.hset(keys.deadLetters, id, JSON.stringify({ ...letter, error: view.unreadable }));
  }
  return false;
}

/** Lets a task go on that can be read again. @returns 1, or 0 where it was not set aside */
export async function restore({ primary }: TaskStateContext, { id }: View): Promise<number> {
  const { unreadable, dead, deadLetters, work, added } = keys;
  const inputs = { unreadable, dead, deadLetters, sidecar: keys.sidecar(id), work, added };
  return Number(await restoreScript(primary, inputs, { id }));
}
