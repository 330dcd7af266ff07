import { keys } from "../redis/keys.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { unreadablePause } from "../task/quarantine.ts";
import { readView, type View } from "../task/view.ts";
import { findDeadLetter } from "./dead-letters.ts";

/** Tasks that are checked in parallel: each may have a record of the largest size. */
const atOnce = 4;
/** Limits of one sweep, in tasks and in ms, so that it does not delay the dispatcher. */
const tasksPerSweep = 500;
const longestSweep = 500;

/*
 * Removes a task from the list of those that cannot be read, and enqueues it if it has a sidecar. Removes only a letter of
 * kind `read`, and puts back the one that it replaced.
 * keys   unreadable, dead, deadLetters, sidecar, work, added
 * args   id
 * reply  1 done · 0 another process was faster
 */
const restoreScript = defineScript({
  name: "restore",
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
 * Re-checks quarantined tasks that are due: tasks that can be read again continue, tasks that are gone lose their letter, the
 * others wait again with the current reason. Any number of dispatchers may run this.
 * @returns the number of tasks that left the quarantine
 */
export async function restoreReadable(context: TaskStateContext): Promise<number> {
  const { primary } = context;
  const { now } = await redisClock(primary);
  const ids = await primary.zrange(keys.unreadable, "-inf", String(now), "BYSCORE", "LIMIT", 0, tasksPerSweep);
  const over = performance.now() + longestSweep;
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

/** Ends the quarantine of a task that can be read again. @returns 1, or 0 if it was not quarantined */
export async function restore({ primary }: TaskStateContext, { id }: View): Promise<number> {
  const { unreadable, dead, deadLetters, work, added } = keys;
  const inputs = { unreadable, dead, deadLetters, sidecar: keys.sidecar(id), work, added };
  return Number(await restoreScript(primary, inputs, { id }));
}
