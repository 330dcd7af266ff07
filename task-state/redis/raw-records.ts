import type { Redis } from "ioredis";
import { maxRecordBytes, type RecordReading, readRecord, tooLarge, unreadable } from "../record/record-reader.ts";
import { keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/** Bytes of what is stored on a page, a single longer text apart. */
export const pageBytes = 1024 * 1024;
/** Bytes of what is stored that one command may bring, a single longer text apart: neither side holds more at once. */
export const pieceBytes = 144 * 1024;

/** Stands for a record that is larger than any may be. */
export const tooLargeMark = 1;

/** A record as stored, or what stands for it. */
export type RawRecord = string | typeof tooLargeMark | null;

/*
 * Reads records in the order of their ids until their bytes are used up, but at least one.
 * args   the record keys' prefix, bytes, then ids
 * reply  for each id that was reached: the record, false where there is none, 1 where it is larger than any may be
 */
const recordsScript = defineScript({
  name: "records",
  keys: [],
  args: ["prefix", "bytes"],
  lua: `
local left = tonumber(bytes)
local raws = {}
for index = first, #ARGV do
  -- MGET gives nothing for a key of another type, where GET would fail the whole list.
  local raw = redis.call('MGET', prefix .. ARGV[index])[1]
  if raw and #raw > ${maxRecordBytes} then raw = ${tooLargeMark} end
  left = left - (type(raw) == 'string' and #raw or 0)
  if left < 0 and index > first then break end
  raws[#raws + 1] = raw
end
return raws`,
});

/**
 * The records of the first of these ids, `null` where there is none: as many as fit into `bytes`, and at least one. The
 * length of the answer says where to go on.
 */
export async function readRaws(redis: Redis, ids: readonly string[], bytes: number = pieceBytes): Promise<RawRecord[]> {
  return (await recordsScript(redis, {}, { prefix: keys.record(""), bytes }, ids)) as RawRecord[];
}

/** Reads what {@link readRaws} gives of a task. */
export function readRaw(id: string, raw: string | typeof tooLargeMark): RecordReading {
  return raw === tooLargeMark ? unreadable(tooLarge) : readRecord(id, raw);
}
