import type { Redis } from "ioredis";
import type { Command } from "./command.ts";
import { defineScript } from "./script.ts";
import { writeCheck } from "./write-check.ts";

/*
 * args   commands as a JSON list of lists of words
 * reply  the number of commands
 */
const writeAllScript = defineScript({
  name: "write-all",
  keys: [],
  args: ["commands"],
  lua: `${writeCheck}
local decoded = cjson.decode(commands)
check_writes(decoded)
for _, command in ipairs(decoded) do redis.call(unpack(command)) end
return #decoded`,
});

/**
 * Runs all commands in one step, or none if one of them would be refused. A transaction does not suffice: without the right to
 * MULTI its commands run one by one, and a key of the wrong type fails only its own command.
 */
export async function writeAll(redis: Redis, commands: readonly Command[]): Promise<void> {
  await writeAllScript(redis, {}, { commands: JSON.stringify(commands) });
}
