import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

interface Definition<Key extends string, Arg extends string> {
  /** First line of the source, shown by `SLOWLOG`. */
  readonly name: string;
  /** Lua locals that hold KEYS, in order. */
  readonly keys: readonly Key[];
  /** Lua locals that hold the first ARGV, in order; `rest` follows from `ARGV[first]` on. */
  readonly args: readonly Arg[];
  readonly lua: string;
}

/** Runs the script atomically in one round trip; sends its source again if Redis does not know it. */
export type Script<Key extends string, Arg extends string> = (
  redis: Redis,
  keys: Readonly<Record<Key, string>>,
  args: Readonly<Record<Arg, string | number>>,
  rest?: readonly (string | number)[],
) => Promise<unknown>;

/** Defines a Lua script with named keys and arguments, so that no caller counts positions. */
export function defineScript<Key extends string, Arg extends string>(
  definition: Definition<Key, Arg>,
): Script<Key, Arg> {
  const { keys, args } = definition;
  const source = [
    `-- ${definition.name}`,
    ...keys.map((key, index) => `local ${key} = KEYS[${index + 1}]`),
    ...args.map((arg, index) => `local ${arg} = ARGV[${index + 1}]`),
    `local first = ${args.length + 1}`,
    definition.lua,
  ].join("\n");
  const sha = createHash("sha1").update(source).digest("hex");

  return (redis, keyValues, argValues, rest = []) => {
    const values: (string | number)[] = [];
    for (const key of keys) values.push(keyValues[key]);
    for (const arg of args) values.push(argValues[arg]);
    for (const value of rest) values.push(value);
    return redis.evalsha(sha, keys.length, ...values).catch((error) => {
      if (!isNoScript(error)) throw error;
      return redis.eval(source, keys.length, ...values);
    });
  };
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
