import { createBatch } from "./batch.ts";

/** Tasks per call; more would delay the answers to the first ones. */
const batchSize = 8;

/**
 * Lua: calls a function for each task with `width` arguments from ARGV[first] on; the reply is the list of its results.
 * If Redis refuses writes, the whole call fails; a key of the wrong type, or one that this user may not write, fails only its
 * own task, whose reply is the message.
 */
export function forEachTask(call: string, width: number): string {
  return `
local replies = {}
for index = first, #ARGV, ${width} do
  local done, reply = pcall(${call}, unpack(ARGV, index, index + ${width - 1}))
  if not done then
    reply = type(reply) == 'table' and reply.err or tostring(reply)
    local own = string.find(reply, 'WRONGTYPE', 1, true) or string.find(reply, 'NOPERM', 1, true)
      or string.find(reply, 'The user executing the script', 1, true)
    if not own then return redis.error_reply(reply) end
  end
  replies[#replies + 1] = reply
end
return replies`;
}

/** The arguments of such a script for one task. */
export type TaskWords = readonly (string | number)[];

/** Batches the calls of a process, so that many tasks cost one command. @param run runs the script over all words */
export function createTaskBatch<Reply>(
  run: (words: TaskWords) => Promise<unknown>,
): (words: TaskWords) => Promise<Reply> {
  return createBatch(async (batch) => {
    const replies = (await run(batch.flat())) as (Reply | string)[];
    return replies.map((reply) => (typeof reply === "string" ? new Error(reply) : reply));
  }, batchSize);
}
