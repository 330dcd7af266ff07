import type { Redis } from "ioredis";
import { maxRecordBytes } from "../record/record-reader.ts";
import { keys } from "../redis/keys.ts";
import { recordTextFunction } from "../redis/record-text.ts";
import { defineScript } from "../redis/script.ts";
import { createTaskBatch } from "../redis/task-batch.ts";

/*
 * Reads any number of tasks.
 * args   their ids
 * reply  per task: false where there is none to be seen · { the record } · { the record, time of a deferred cancellation }
 *        · { false, why it cannot be read }
 */
const readScript = defineScript({
  name: "read",
  keys: ["deleted", "deferredCancels"],
  args: [],
  lua: `${recordTextFunction}
local records = {}
for index, id in ipairs(ARGV) do records[index] = '${keys.record("")}' .. id end
local raws = redis.call('MGET', unpack(records))
local gone = redis.call('ZMSCORE', deleted, unpack(ARGV))
local since = redis.call('HMGET', deferredCancels, unpack(ARGV))
local replies = {}
for index, raw in ipairs(raws) do
  local fault
  -- MGET gives nothing where there is something else than a text.
  if not raw or #raw > ${maxRecordBytes} then raw, fault = record_text(records[index]) end
  replies[index] = not gone[index] and (raw and { raw, since[index] or nil } or fault and { false, fault }) or false
end
return replies`,
});

type Reading = readonly [raw: string, since?: string] | readonly [raw: null, fault: string] | null;

/** Reads what the script tells of a task. */
export type Reader = (id: string) => Promise<Reading>;

/** Gathers the reads of a process, so that many of them cost one command. */
export function createReader(primary: Redis): Reader {
  const { deleted, deferredCancels } = keys;
  const read = createTaskBatch<Reading>((ids) => readScript(primary, { deleted, deferredCancels }, {}, ids));
  return (id) => read([id]);
}
