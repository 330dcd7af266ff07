import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import type { TestRedis } from "./redis.ts";

/** The rights of a Redis user: key patterns and commands. */
export interface Access {
  readonly keys: readonly string[];
  readonly commands: readonly string[];
}

/** The minimum rights of a whole run. */
export const leastAccess: Access = {
  keys: ["~task:*", "~index:*", "~blocks:*", "~dms:*"],
  commands: (
    "auth hello ping info select client|id client|unblock client|setname multi exec eval evalsha time exists expire pexpire " +
    "del scan get mget set incr incrby hget hmget hgetall hset hdel hincrby sadd srem scard sismember sscan zadd zrem zcard " +
    "zcount zscore zmscore zrange zrangebyscore zremrangebyscore zpopmin zscan xadd xack xlen xrange xtrim xpending " +
    "xautoclaim xreadgroup xgroup|create xgroup|delconsumer xinfo|groups xinfo|consumers"
  ).split(" "),
};

/** These rights without a command. */
export function withoutCommand(command: string, access: Access = leastAccess): Access {
  return { ...access, commands: access.commands.filter((name) => name !== command) };
}

/** These rights without a key pattern, or with narrower patterns instead. */
export function withoutKeys(pattern: string, instead: readonly string[] = [], access: Access = leastAccess): Access {
  return { ...access, keys: [...access.keys.filter((given) => given !== pattern), ...instead] };
}

/** Sets the rights of the user `limited`; they apply to open connections at once. */
export async function limitUser(redis: TestRedis, { keys, commands }: Access): Promise<void> {
  const rules = ["on", ">secret", ...keys, ...commands.map((name) => `+${name}`)];
  await redis.client.call("ACL", "SETUSER", "limited", "reset", ...rules);
}

/** The URL of that user. */
export function limitedUrl(redis: TestRedis): string {
  return redis.url.replace("redis://", "redis://limited:secret@");
}

/** A connection of that user with the minimum rights; closed after the test. */
export async function connectLimited(redis: TestRedis): Promise<Redis> {
  await limitUser(redis, leastAccess);
  const connection = new Redis(limitedUrl(redis));
  onTestFinished(() => connection.disconnect());
  return connection;
}
