import { isUtf8 } from "node:buffer";
import type { Redis } from "ioredis";
import { maxRecordBytes, tooLarge } from "../record/record-reader.ts";
import { keys } from "./keys.ts";

/** Why a task cannot be read whose keys another program has replaced. */
export const wrongType = {
  record: "the record's key holds another Redis type than a string",
  sidecar: "the sidecar's key holds another Redis type than a hash",
} as const;

/**
 * Lua: record_text(key) gives the text, or false where there is none and, where it cannot be read, why. Texts that are too
 * large stay in Redis. Errors that say nothing about the key are raised.
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
 * True for a text whose bytes may have been no UTF-8: that shows by replacement characters alone, which others may also have
 * written on purpose. Then {@link isGarbled} decides.
 */
export function mayBeGarbled(raw: string): boolean {
  return raw.includes("\ufffd");
}

/** True for a record whose bytes are no UTF-8. */
export async function isGarbled(redis: Redis, id: string): Promise<boolean> {
  const bytes = await redis.getBuffer(keys.record(id));
  return bytes !== null && !isUtf8(bytes);
}
