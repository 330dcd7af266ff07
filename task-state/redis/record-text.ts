import { isUtf8 } from "node:buffer";
import type { Redis } from "ioredis";
import { maxRecordBytes, tooLarge } from "../record/record-reader.ts";
import { keys } from "./keys.ts";

/** The reasons for a task whose keys another program replaced. */
export const wrongType = {
  record: "the record's key holds another Redis type than a string",
  sidecar: "the sidecar's key holds another Redis type than a hash",
} as const;

/**
 * Lua: record_text(key) returns the text; or false if there is none; or false and the reason if it cannot be read. Texts that
 * are too large stay in Redis. Errors that do not concern the key are raised.
 */
export const recordTextFunction = `
local function record_text(key)
  local raw = redis.pcall('GET', key)
  if not raw then return false end
  if type(raw) == 'string' then
    if #raw > ${maxRecordBytes} then return false, '${tooLarge}' end
    return raw
  end
  if not string.find(raw.err, 'WRONGTYPE', 1, true) then redis.call('GET', key) end
  return false, "${wrongType.record}"
end`;

/**
 * True for a text whose bytes may be invalid UTF-8: it contains replacement characters, which other programs may also write on
 * purpose. {@link isGarbled} decides.
 */
export function mayBeGarbled(raw: string): boolean {
  return raw.includes("\ufffd");
}

/** True for a record whose bytes are not valid UTF-8. */
export async function isGarbled(redis: Redis, id: string): Promise<boolean> {
  const bytes = await redis.getBuffer(keys.record(id));
  return bytes !== null && !isUtf8(bytes);
}
