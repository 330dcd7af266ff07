import type { Redis } from "ioredis";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { pageBytes } from "../redis/raw-records.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { writeAll } from "../redis/write-all.ts";
import { addition, type DeadLetter, removal, timeText } from "../task/dead-letter.ts";

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** Pass it as `cursor` to get the next page; absent on the last one. */
  readonly nextCursor?: string;
}

/** Adds a stream entry that names no task to the dead letters, and acknowledges it. May be repeated. */
export async function recordMalformedEntry(
  redis: Redis,
  entryId: string,
  error = "The entry names no task",
): Promise<void> {
  const { now } = await redisClock(redis);
  const letter: DeadLetter = { task_id: entryId, request: "read", attempts: 1, error, at: timeText(now) };
  await writeAll(redis, [...addition(entryId, letter, now), ["XACK", keys.work, dispatchGroup, entryId]]);
}

/*
 * Reads letters in the order of the given names until their size exceeds `bytes`, but at least one.
 * keys   letters
 * args   bytes, then names
 * reply  for each name that was reached: the letter, or false if there is none
 */
const lettersScript = defineScript({
  name: "letters",
  keys: ["letters"],
  args: ["bytes"],
  lua: `
local left = tonumber(bytes)
local texts = {}
for index = first, #ARGV do
  local text = redis.call('HGET', letters, ARGV[index])
  left = left - (text and #text or 0)
  if left < 0 and index > first then break end
  texts[#texts + 1] = text
end
return texts`,
});

/**
 * Reads one page, oldest first, in O(page); it ends at its limit, or after {@link pageBytes} of letters.
 * @param cursor the `nextCursor` of the previous page
 */
export async function readDeadLetters(redis: Redis, limit: number, cursor?: string): Promise<DeadLetterPage> {
  const [, at = "-inf", last] = /^(\d+):(.*)$/s.exec(cursor ?? "") ?? [];
  // Letters of the same ms are ordered by name, so those up to the last one are skipped.
  const ties = last === undefined ? 0 : await redis.zcount(keys.dead, at, at);
  const found = await redis.zrange(keys.dead, at, "+inf", "BYSCORE", "LIMIT", 0, limit + ties + 1, "WITHSCORES");
  const names: [name: string, at: string][] = [];
  for (let index = 0; index < found.length; index += 2) {
    const [name, score] = [found[index] as string, found[index + 1] as string];
    if (last === undefined || score !== at || follows(name, last)) names.push([name, score]);
  }
  if (names.length === 0) return { letters: [] };
  const wanted = names.slice(0, limit).map(([name]) => name);
  const texts = (await lettersScript(redis, { letters: keys.deadLetters }, { bytes: pageBytes }, wanted)) as (
    | string
    | null
  )[];
  const letters = texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as DeadLetter]));
  const [name, score] = names[texts.length - 1] ?? [];
  return names.length > texts.length ? { letters, nextCursor: `${score}:${name}` } : { letters };
}

/** The order of Redis for members of one score: by their bytes. */
function follows(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0;
}

/** Reads one letter; `undefined` if there is none. */
export async function findDeadLetter(redis: Redis, id: string): Promise<DeadLetter | undefined> {
  const text = await redis.hget(keys.deadLetters, id);
  return text === null ? undefined : (JSON.parse(text) as DeadLetter);
}

/** Removes a letter from the list and returns it; its task does not change. */
export async function discardDeadLetter(redis: Redis, id: string): Promise<DeadLetter | undefined> {
  const letter = await findDeadLetter(redis, id);
  await writeAll(redis, removal(id));
  return letter;
}
