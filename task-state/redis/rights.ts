import type { Redis } from "ioredis";
import { keys } from "./keys.ts";

/** What a process uses Redis for; each role needs its own rights. */
export type Role = "read" | "change" | "dispatch" | "repair" | "replicate";

/** Commands, separated by blanks, and the keys that each of them uses. */
type Need = readonly [commands: string, ...keys: string[]];

// An asterisk in a name stands for any text: the patterns of common ACL rules, such as ~task:*, match it.
const any = "*";
const owner = { service: any, user: any };
const own = [keys.record(any), keys.metadata(any), keys.sidecar(any)];
const idSets = [keys.tasks, keys.service(any), keys.owner(owner)];
const sets = [...idSets, keys.users(any)];
const twins = sets.map(keys.ordered);
const blocks = [keys.blocksAll, keys.blocksUser(any)];

/** The rights to remove deleted tasks that late writers put back. */
const tombstones: readonly Need[] = [
  ["ZSCAN ZREM", keys.deleted],
  ["HGET HDEL", keys.deletedOwners],
  ["SISMEMBER", keys.tasks],
];

const needs: Readonly<Record<Role, readonly Need[]>> = {
  read: [
    ["GET MGET EXISTS", keys.record(any)],
    ["GET", keys.clock],
    ["HGETALL HMGET", keys.sidecar(any)],
    ["HMGET", keys.metadata(any)],
    ["ZSCORE ZMSCORE", keys.deleted],
    ["HMGET", keys.deferredCancels, keys.deadLetters],
    ["SCARD SSCAN SREM", ...sets, keys.user(any)],
    ["ZCARD ZCOUNT ZSCAN ZRANGE ZADD ZREM", ...twins],
    ["GET", keys.sequence],
    ["GET SET", keys.seen],
    ["ZRANGE ZADD ZREMRANGEBYSCORE EXPIRE", keys.unwritten],
    ["ZMSCORE", keys.amended],
    ["ZMSCORE", ...idSets.map(keys.ordered)],
    ["SET", keys.healing(keys.tasks)],
    ["MGET", keys.paused, ...blocks],
    ["ZSCORE", keys.parked(any)],
    ["ZCARD ZCOUNT ZRANGE", keys.dead],
    ["ZCARD", keys.due],
    ["ZRANGE", keys.dispatchers],
    ["EXISTS", keys.paused],
    ["SCARD", keys.held],
    ["XLEN XRANGE XINFO|GROUPS XINFO|CONSUMERS", keys.work],
  ],
  change: [
    ["GET SET", keys.sequence, keys.record(any), keys.idempotency(any)],
    ["DEL EXISTS", ...own],
    ["HSET EXPIRE", keys.metadata(any), keys.sidecar(any)],
    ["HGET HGETALL HDEL", keys.sidecar(any)],
    ["SADD SREM SCARD EXPIRE", ...sets, keys.user(any)],
    ["ZADD ZREM ZCARD", ...twins],
    ["ZSCORE ZMSCORE ZADD ZCARD", keys.deleted],
    ["ZADD ZREM ZCARD ZREMRANGEBYSCORE EXPIRE", keys.amended],
    ["XADD XLEN XACK", keys.work],
    ["GET INCR INCRBY", keys.added],
    ["ZADD ZREM ZCARD", keys.due, keys.parked(any), keys.parkedUsers, keys.dead],
    ["ZREM ZCARD", keys.inFlight, keys.inFlightOf(any)],
    ["SADD SREM SCARD", keys.held],
    ["HGET HSET HDEL", keys.deferredCancels, keys.deadLetters],
    ["HGET HSET", keys.parkedPace, keys.deletedOwners],
    ["SET DEL", keys.paused],
  ],
  dispatch: [
    ["XREADGROUP XAUTOCLAIM XPENDING XTRIM XACK XRANGE XGROUP|CREATE XINFO|GROUPS XINFO|CONSUMERS", keys.work],
    ["GET SET", keys.clock],
    ["ZADD ZREM ZSCORE ZREMRANGEBYSCORE", keys.leases],
    ["ZADD ZREM ZSCORE ZRANGE", keys.unreadable],
    ["HINCRBY", keys.sidecar(any)],
    ["GET", keys.paused, ...blocks],
    ["ZRANGE ZRANGEBYSCORE", keys.due],
    ["ZRANGE", keys.parkedUsers],
    ["ZPOPMIN EXISTS", keys.parked(any)],
    ["HDEL", keys.parkedPace],
    ["ZADD ZSCORE ZCOUNT ZREMRANGEBYSCORE", keys.inFlight, keys.inFlightOf(any)],
    ["PEXPIRE", keys.inFlightOf(any)],
    ["GET SET", keys.rate],
    ["ZADD ZREM ZSCORE ZREMRANGEBYSCORE", keys.dispatchers],
    ["EVALSHA", keys.blocksAll],
    ...tombstones,
  ],
  repair: [
    ...tombstones,
    ["XGROUP|DELCONSUMER XINFO|CONSUMERS XTRIM", keys.work],
    ["HGETALL HDEL", keys.deferredCancels],
    ["HINCRBY", keys.sidecar(any)],
    ["ZSCORE", keys.leases, keys.due, keys.unreadable, keys.parkedUsers],
    ["SSCAN SREM", keys.held],
    ["ZSCAN ZREM", keys.due, keys.inFlight, keys.dead, keys.unreadable, keys.amended],
    ["ZSCAN ZREM", keys.parkedUsers, keys.parked(any)],
    ["ZREMRANGEBYSCORE", keys.inFlight, keys.dispatchers, keys.leases],
  ],
  replicate: [],
};

/** Commands that name no key. */
const keyless: Readonly<Record<Role, string>> = {
  read: "EVAL EVALSHA PING TIME",
  change: "EVAL EVALSHA PING TIME",
  dispatch: "CLIENT|ID CLIENT|UNBLOCK",
  repair: "SCAN",
  replicate: "WAIT",
};

/*
 * args   a JSON list of commands as lists of words
 * reply  the positions in the list of those that this user may not run
 */
const script = `
local missing = {}
for position, words in ipairs(cjson.decode(ARGV[1])) do
  local known, allowed = pcall(redis.acl_check_cmd, unpack(words))
  if known and not allowed then missing[#missing + 1] = position end
end
return missing`;

/**
 * The rights that this connection's user lacks for these roles, such as `HSET task:*:metadata`; empty where none are missing.
 * Changes nothing, takes one round trip, and needs no right but EVAL; without that, EVAL is all it can name.
 * A Redis before 7 cannot be asked: there it is empty.
 */
export async function missingRights(redis: Redis, roles: readonly Role[]): Promise<string[]> {
  const asked = new Map(roles.flatMap(commandsOf).map((words) => [nameOf(words), words]));
  try {
    // Not by its digest: EVALSHA is one of the rights that may be missing.
    const positions = (await redis.eval(script, 0, JSON.stringify([...asked.values()]))) as number[];
    return positions.map((position) => [...asked.keys()][position - 1] ?? "");
  } catch (error) {
    if (error instanceof Error && /^NOPERM/.test(error.message)) return ["EVAL"];
    throw error;
  }
}

function commandsOf(role: Role): string[][] {
  const plain = keyless[role].split(" ").map((command) => wordsOf(command));
  const keyed = needs[role].flatMap(([commands, ...names]) =>
    commands.split(" ").flatMap((command) => names.map((key) => wordsOf(command, key))),
  );
  return [...plain, ...keyed];
}

/** The command with its key at its position. It must be complete: Redis 7.0 crashes if the number of keys is missing. */
function wordsOf(command: string, key?: string): string[] {
  const names = key === undefined ? [] : [key];
  if (/^EVAL/.test(command)) return [command, "", String(names.length), ...names];
  if (command === "XREADGROUP") return [command, "GROUP", "", "", "STREAMS", ...names, ">"];
  return [...command.split("|"), ...names];
}

function nameOf(words: readonly string[]): string {
  return words.filter((word) => !["", "0", "1", ">", "GROUP", "STREAMS"].includes(word)).join(" ");
}
