import type { Redis } from "ioredis";
import { defineScript } from "../redis/script.ts";
import { createTaskBatch, forEachTask, type TaskWords } from "../redis/task-batch.ts";
import { writeCheck } from "../redis/write-check.ts";

/*
 * A task is changed if it is still exactly as the caller read it: raw is the record as read ('*' for one that cannot be read,
 * so that only the sidecar counts), rev the sidecar's revision ('' for none), nextRecord the changed record ('' to leave it) and
 * commands the other commands as a JSON list of lists.
 * Replies: 1 done · 0 another writer was faster, nothing was written.
 */
/** Lua for scripts that commit. */
export const writeFunction = `${writeCheck}
local function checked(record, nextRecord, commands)
  if nextRecord ~= '' then check_right('SET', record) end
  local decoded = cjson.decode(commands)
  check_writes(decoded)
  return decoded
end
local function write(record, nextRecord, commands)
  if nextRecord ~= '' then redis.call('SET', record, nextRecord, 'EX', ttl) end
  for _, command in ipairs(commands) do redis.call(unpack(command)) end
end
local function is_as_seen(record, sidecar, raw, rev)
  return (raw == '*' or (redis.call('GET', record) or '') == raw) and (redis.call('HGET', sidecar, 'rev') or '') == rev
end`;

/*
 * Changes any number of tasks, each one independently.
 * args   ttl of records in seconds; then per task: record, sidecar, raw, rev, nextRecord, commands
 * reply  per task: 1 · 0 · the message of its error
 */
const commitScript = defineScript({
  name: "commit",
  keys: [],
  args: ["ttl"],
  lua: `${writeFunction}
local function commit(record, sidecar, raw, rev, nextRecord, commands)
  if not is_as_seen(record, sidecar, raw, rev) then return 0 end
  write(record, nextRecord, checked(record, nextRecord, commands))
  return 1
end
${forEachTask("commit", 6)}`,
});

/** Runs the script for one task with the arguments above. */
export type Committer = (words: TaskWords) => Promise<number>;

/** Batches the commits of a process. */
export function createCommitter(primary: Redis, ttlSeconds: number): Committer {
  return createTaskBatch<number>((words) => commitScript(primary, {}, { ttl: ttlSeconds }, words));
}
