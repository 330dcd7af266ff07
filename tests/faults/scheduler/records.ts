import { setTimeout as pause } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { redisOptions } from "../../../shared/redis-url.ts";
import { createClock, keys, type TaskRecord } from "../../../task-state/index.ts";
import { parseRecord } from "../../support/record.ts";
import type { Random } from "../support/random.ts";
import type { Settings } from "./settings.ts";

/** A record that holds the members of the Python model and no others. */
export type PlainRecord = Pick<
  TaskRecord,
  "task_id" | "service" | "user_id" | "status" | "parameters" | "created_at" | "updated_at"
> & {
  readonly logs: readonly string[];
  readonly result: unknown;
  readonly priority: unknown;
  readonly active_jobs: unknown;
};

export type RecordPatch = Partial<Pick<PlainRecord, "status" | "result" | "active_jobs">> & { readonly log?: string };

/** The shared store as the Python side uses it: reads, and blind writes of whole records. Fails while Redis is unavailable. */
export interface Records {
  read(id: string): Promise<TaskRecord | undefined>;
  /** Asks the lookup Redis, which may lag. */
  exists(id: string): Promise<boolean>;
  /** Waits, then writes the record with the patch over whatever is there by then; gives what was there. */
  write(seen: TaskRecord, patch: RecordPatch, delay?: number): Promise<TaskRecord | undefined>;
  set(key: string, value: object): Promise<void>;
  /** Writes that wait. */
  waiting(): number;
}

const ttl = 7_776_000;

/** Connects; the connections come back by themselves, and what meets them broken fails at once. */
export function openRecords(settings: Settings, random: Random): Records {
  const primary = connect(settings.redisUrl);
  const lookup = settings.lookupUrl === undefined ? primary : connect(settings.lookupUrl);
  const clock = createClock("Asia/Seoul");
  let waiting = 0;
  return {
    read: async (id) => parse(await primary.get(keys.record(id))),
    exists: async (id) => (await lookup.exists(keys.record(id))) === 1,
    async write(seen, patch, delay = random.int(...settings.writeDelay)) {
      waiting += 1;
      try {
        await pause(delay);
        return await save(primary, patched(seen, patch, clock()));
      } finally {
        waiting -= 1;
      }
    },
    async set(key, value) {
      await primary.set(key, JSON.stringify(value));
    },
    waiting: () => waiting,
  };
}

function connect(url: string): Redis {
  const options: RedisOptions & { replyMapping: "legacy" } = {
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 25,
    replyMapping: "legacy",
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
  const sentinel = redisOptions(url);
  const redis = sentinel ? new Redis({ ...options, ...sentinel, replyMapping: "legacy" }) : new Redis(url, options);
  redis.on("error", () => {});
  return redis;
}

function parse(raw: string | null): TaskRecord | undefined {
  return raw === null ? undefined : parseRecord(raw);
}

function patched(seen: TaskRecord, { log, ...patch }: RecordPatch, time: string): PlainRecord {
  const { task_id, service, user_id, status, parameters, created_at } = seen;
  const { logs = [], result = {}, priority = "low", active_jobs = [] } = seen;
  return {
    task_id,
    service,
    user_id,
    status,
    parameters,
    created_at,
    updated_at: time,
    logs: log === undefined ? logs : [...logs, `${time},${log}`],
    result,
    priority,
    active_jobs,
    ...patch,
  };
}

async function save(redis: Redis, record: PlainRecord): Promise<TaskRecord | undefined> {
  const { task_id: id, service, user_id: user } = record;
  const ids = [keys.tasks, keys.service(service), keys.owner({ service, user })];
  const sets: [string, string][] = [...ids.map((set): [string, string] => [set, id]), [keys.users(service), user]];
  // One after the other and not in one step, as the Python side does it.
  const replaced = parse(await redis.set(keys.record(id), JSON.stringify(record), "EX", ttl, "GET"));
  await redis.hset(keys.metadata(id), { service, user_id: user });
  await redis.expire(keys.metadata(id), ttl + 60);
  await Promise.all(sets.flatMap(([set, member]) => [redis.sadd(set, member), redis.expire(set, ttl)]));
  return replaced;
}
