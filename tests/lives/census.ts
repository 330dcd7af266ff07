import type { Redis } from "ioredis";

/** How many members each key has; a text has one. */
export type Census = Readonly<Record<string, number>>;

/** Counts every key of a Redis and all members of each. */
export async function census(redis: Redis): Promise<Census> {
  const names = (await redis.keys("*")).sort();
  const counts = await Promise.all(names.map((name) => membersAt(redis, name)));
  return Object.fromEntries(names.map((name, index) => [name, counts[index] ?? 0]));
}

async function membersAt(redis: Redis, key: string): Promise<number> {
  switch (await redis.type(key)) {
    case "hash":
      return redis.hlen(key);
    case "set":
      return redis.scard(key);
    case "zset":
      return redis.zcard(key);
    case "stream":
      return redis.xlen(key);
    case "list":
      return redis.llen(key);
    default:
      return 1;
  }
}
