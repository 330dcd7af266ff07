import type { Redis } from "ioredis";
import { maxRecordBytes } from "../record/record-reader.ts";
import { keys } from "../redis/keys.ts";
import { recordTextFunction } from "../redis/record-text.ts";
import { defineScript } from "../redis/script.ts";
import { createTaskBatch } from "../redis/task-batch.ts";

/*
 * Reads any number of tasks.
 * args   their ids
 * reply  per task: false if no reader may see one · { the record } · { the record, time of a deferred cancellation }
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
  -- MGET returns nothing for another type than a string.
  if not raw or #raw > ${maxRecordBytes} then raw, fault = record_text(records[index]) end
  replies[index] = not gone[index] and (raw and { raw, since[index] or nil } or fault and { false, fault }) or false
end
return replies`,
});

type Reading = readonly [raw: string, since?: string] | readonly [raw: null, fault: string] | null;

/** Reads one task. */
export type Reader = (id: string) => Promise<Reading>;

/** Batches the reads of a process, so that many of them cost one command. */
export function createReader(primary: Redis): Reader {
  const { deleted, deferredCancels } = keys;
  const read = createTaskBatch<Reading>((ids) => readScript(primary, { deleted, deferredCancels }, {}, ids));
  return (id) => read([id]);
}
