import type { Redis } from "ioredis";
import { compareTaskIds, isTaskId } from "../redis/keys.ts";
import { idsBehindName } from "./ids-behind-name.ts";

/**
 * Reads up to `count` ids of an ordered set after the cursor (from the start if there is none), in the order of lists.
 * Beyond 2^53 several ids share a score, and Redis orders the members of one score as strings: then all members of the scores
 * at which the page begins and ends are read, at most 1024 ids each.
 */
export async function idsBehind(
  redis: Redis,
  ordered: string,
  order: "asc" | "desc",
  cursor: string | undefined,
  count: number,
): Promise<string[]> {
  const ids = await read(redis, ordered, order, cursor, count);
  const isWide = (id: string | undefined) => id !== undefined && isTaskId(id) && !Number.isSafeInteger(Number(id));
  if (!isWide(cursor) && !ids.some(isWide)) return ids;
  const lastNumber = ids.findLast(isTaskId);
  const ties = await Promise.all(
    [cursor, lastNumber].filter(isWide).map((id) => redis.zrange(ordered, String(id), String(id), "BYSCORE")),
  );
  const sign = order === "asc" ? 1 : -1;
  const isBehind = (id: string) => cursor === undefined || sign * compareTaskIds(id, cursor) > 0;
  return [...new Set([...ids, ...ties.flat()])]
    .filter(isBehind)
    .sort((a, b) => sign * compareTaskIds(a, b))
    .slice(0, count);
}

function read(
  redis: Redis,
  ordered: string,
  order: "asc" | "desc",
  cursor: string | undefined,
  count: number,
): Promise<string[]> {
  if (cursor !== undefined && !isTaskId(cursor)) return idsBehindName(redis, ordered, order, cursor, count);
  const from = cursor === undefined ? undefined : `(${cursor}`;
  return order === "asc"
    ? redis.zrange(ordered, from ?? "-inf", "+inf", "BYSCORE", "LIMIT", 0, count)
    : redis.zrange(ordered, from ?? "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 0, count);
}
