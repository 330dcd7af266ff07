import type { Redis } from "ioredis";
import { maxRecordBytes, type RecordReading, readRecord, tooLarge, unreadable } from "../record/record-reader.ts";
import { keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/** Largest size of the records on a page, in bytes, except for a single larger record. */
export const pageBytes = 1024 * 1024;
/** Largest size of the records that one command returns, in bytes, except for a single larger record: neither side holds more. */
export const pieceBytes = 144 * 1024;

/** Stands for a record that exceeds the size limit. */
export const tooLargeMark = 1;

/** A record as stored, or its stand-in; `null` if there is none. */
export type RawRecord = string | typeof tooLargeMark | null;

/*
 * Reads records in the order of the given ids until their size exceeds `bytes`, but at least one.
 * args   the record keys' prefix, bytes, then ids
 * reply  for each id that was reached: the record, false if there is none, 1 if it exceeds the size limit
 */
const recordsScript = defineScript({
  name: "records",
  keys: [],
  args: ["prefix", "bytes"],
  lua: `
local left = tonumber(bytes)
local raws = {}
for index = first, #ARGV do
  -- MGET returns nothing for a key of another type, where GET would fail the whole list.
  local raw = redis.call('MGET', prefix .. ARGV[index])[1]
  if raw and #raw > ${maxRecordBytes} then raw = ${tooLargeMark} end
  left = left - (type(raw) == 'string' and #raw or 0)
  if left < 0 and index > first then break end
  raws[#raws + 1] = raw
end
return raws`,
});

/**
 * Reads the records of the first ids, `null` if there is none: as many as fit into `bytes`, and at least one. The caller
 * continues after the length of the result.
 */
export async function readRaws(redis: Redis, ids: readonly string[], bytes: number = pieceBytes): Promise<RawRecord[]> {
  return (await recordsScript(redis, {}, { prefix: keys.record(""), bytes }, ids)) as RawRecord[];
}

/** Parses one result of {@link readRaws}. */
export function readRaw(id: string, raw: string | typeof tooLargeMark): RecordReading {
  return raw === tooLargeMark ? unreadable(tooLarge) : readRecord(id, raw);
}
