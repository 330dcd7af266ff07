import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import type { TestRedis } from "./redis.ts";

/** What a Redis user may do: patterns of keys, and commands. */
export interface Access {
  readonly keys: readonly string[];
  readonly commands: readonly string[];
}

/** The least that a whole run needs. */
export const leastAccess: Access = {
  keys: ["~task:*", "~index:*", "~blocks:*", "~dms:*"],
  commands: (
    "auth hello ping info select client|id client|unblock client|setname multi exec eval evalsha time exists expire pexpire " +
    "del scan get mget set incr incrby hget hmget hgetall hset hdel hincrby sadd srem scard sismember sscan zadd zrem zcard " +
    "zcount zscore zmscore zrange zrangebyscore zremrangebyscore zpopmin zscan xadd xack xlen xrange xtrim xpending " +
    "xautoclaim xreadgroup xgroup|create xgroup|delconsumer xinfo|groups xinfo|consumers"
  ).split(" "),
};

/** The same without a command. */
export function withoutCommand(command: string, access: Access = leastAccess): Access {
  return { ...access, commands: access.commands.filter((name) => name !== command) };
}

/** The same without a pattern of keys, or with less than it gave. */
export function withoutKeys(pattern: string, instead: readonly string[] = [], access: Access = leastAccess): Access {
  return { ...access, keys: [...access.keys.filter((given) => given !== pattern), ...instead] };
}

/** Lets the user `limited` do this and nothing else; connections that stand are told at once. */
export async function limitUser(redis: TestRedis, { keys, commands }: Access): Promise<void> {
  const rules = ["on", ">secret", ...keys, ...commands.map((name) => `+${name}`)];
  await redis.client.call("ACL", "SETUSER", "limited", "reset", ...rules);
}

/** Where that user connects. */
export function limitedUrl(redis: TestRedis): string {
  return redis.url.replace("redis://", "redis://limited:secret@");
}

/** A connection of that user's, who may do everything that is needed at first; closed after the test. */
export async function connectLimited(redis: TestRedis): Promise<Redis> {
  await limitUser(redis, leastAccess);
  const connection = new Redis(limitedUrl(redis));
  onTestFinished(() => connection.disconnect());
  return connection;
}
