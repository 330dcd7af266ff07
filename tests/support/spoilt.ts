import type { Redis } from "ioredis";
import { keys, maxRecordBytes } from "../../task-state/index.ts";

/** A way in which another program may damage a task. */
export interface Spoiler {
  readonly name: string;
  /** The expected reason. */
  readonly reason: RegExp;
  /** The record is still readable, but operations on the task fail. @default false */
  readonly readable?: boolean;
  spoil(redis: Redis, id: string): Promise<unknown>;
}

function text(name: string, reason: RegExp, edit: (raw: string) => string | Buffer): Spoiler {
  return {
    name,
    reason,
    spoil: async (redis, id) => redis.set(keys.record(id), edit((await redis.get(keys.record(id))) ?? "")),
  };
}

const withMember = (member: string) => (raw: string) => `${raw.slice(0, -1)},${member}}`;

/** One of each kind of unreadable record. */
export const spoilers: readonly Spoiler[] = [
  text("a record that is cut off", /not JSON/, (raw) => raw.slice(0, -20)),
  text("an empty record", /not JSON/, () => ""),
  text("a record that is no object", /not a JSON object/, () => "null"),
  text("a record of an unknown status", /status is unknown: "done"/, withMember('"status":"done"')),
  text("a record of another task", /task_id names another task/, (raw) =>
    raw.replace(/^\{"task_id":"\d+"/, '{"task_id":"1"'),
  ),
  text("a record with a second task_id", /task_id names another task/, withMember('"task_id":"1"')),
  text("a record whose logs are null", /logs must be a list, not null/, withMember('"logs":null')),
  text("a record with a time that is no text", /created_at must be a string/, withMember('"created_at":1')),
  text("a record that is nested too deeply", /nested deeper/, withMember(`"x":${"[".repeat(9000)}${"]".repeat(9000)}`)),
  text("a record that is too large", /larger than 8 MiB/, withMember(`"x":"${"x".repeat(maxRecordBytes)}"`)),
  text("a record with a raw NUL", /not JSON/, withMember('"x":"\u0000"')),
  text("a record that is not UTF-8", /not valid UTF-8/, (raw) =>
    Buffer.concat([Buffer.from(`${raw.slice(0, -1)},"x":"`), Buffer.from([0xff]), Buffer.from('"}')]),
  ),
  {
    name: "a record of another Redis type",
    reason: /record's key holds another Redis type|WRONGTYPE/,
    spoil: (redis, id) => redis.multi().del(keys.record(id)).sadd(keys.record(id), "x").exec(),
  },
  {
    name: "a sidecar of another Redis type",
    reason: /sidecar's key holds another Redis type|WRONGTYPE/,
    readable: true,
    spoil: (redis, id) => redis.multi().del(keys.sidecar(id)).sadd(keys.sidecar(id), "x").exec(),
  },
  {
    name: "a sidecar whose revision is no number",
    reason: /sidecar's rev is no number|attempt to/,
    readable: true,
    spoil: (redis, id) => redis.hset(keys.sidecar(id), "rev", "x"),
  },
  {
    name: "a sidecar whose lease is no time",
    reason: /sidecar's leaseUntil is no number|attempt to/,
    readable: true,
    spoil: (redis, id) => redis.hset(keys.sidecar(id), "leaseUntil", "x"),
  },
];
