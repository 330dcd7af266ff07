import type { Redis } from "ioredis";
import {
  type Change,
  commit,
  createContext,
  createTaskStore,
  keys,
  type Owner,
  readView,
  type ShownRecord,
  type TaskRecord,
  type TaskStateContext,
  type TaskStore,
  type TaskStoreOptions,
  type View,
} from "../../task-state/index.ts";
import { parseRecord } from "../support/record.ts";
import type { TestRedis } from "../support/redis.ts";

export const alice: Owner = { service: "sync", user: "alice" };
export const bob: Owner = { service: "sync", user: "bob" };

export interface OpenStore {
  readonly store: TaskStore;
  readonly context: TaskStateContext;
  /** Ids that the store has called unreadable, one for each call. */
  readonly unreadable: string[];
}

/** A store over the connection of the helper, or over the given ones. */
export function openStore(redis: TestRedis, options: Partial<TaskStoreOptions> = {}): OpenStore {
  const unreadable: string[] = [];
  const context = createContext({ primary: redis.client, onUnreadable: (id) => unreadable.push(id), ...options });
  return { store: createTaskStore(context), context, unreadable };
}

/** The record in a stored JSON text; fails where there is none. */
export function readable(raw: string | null | undefined): ShownRecord {
  const record = typeof raw === "string" ? parseRecord(raw) : undefined;
  if (!record) throw new Error(`not a task record: ${raw}`);
  return record;
}

export function idsOf(raws: readonly string[]): string[] {
  return raws.map((raw) => readable(raw).task_id);
}

/** All pieces of a list, read to its end. */
export async function piecesOf(list: AsyncIterable<string[]>): Promise<string[][]> {
  const pieces: string[][] = [];
  for await (const piece of list) pieces.push(piece);
  return pieces;
}

/** Reads and commits; fails when another writer was faster. */
export async function change(context: TaskStateContext, id: string, wanted: Change): Promise<View> {
  const done = await commit(context, await readView(context, id), wanted);
  if (!done) throw new Error(`task ${id} was changed by somebody else`);
  return done;
}

/** How far a task has come on its way to the scheduler; `foreign`: another program recorded it. */
export const stages = ["queued", "doubtful", "sending", "sent", "registered", "foreign"] as const;
export type Stage = (typeof stages)[number];

/** A task of alice in this stage, as the dispatcher or another program leaves it. */
export async function taskIn(stage: Stage, { store, context }: OpenStore): Promise<string> {
  if (stage === "registered") return store.register(alice, {});
  if (stage === "foreign") {
    const id = String(await context.primary.incr(keys.sequence));
    await saveAsScheduler(context.primary, id, { status: "running" });
    return id;
  }
  const id = await store.submit(alice, {});
  const dueAt = Date.now() + 3_600_000;
  if (stage === "doubtful") await change(context, id, { sidecar: { doubtful: 1, dueAt } });
  if (stage === "sending") {
    await change(context, id, { record: { status: "dispatching" }, sidecar: { phase: "sending", attempts: 1, dueAt } });
  }
  if (stage === "sent") await change(context, id, { record: { status: "running" }, sidecar: { phase: "sent" } });
  return id;
}

/** A record as another program writes it. */
export function foreignRecord(id: string, fields: Partial<TaskRecord> = {}): string {
  const time = "2026-11-24T04:38:53.252169+09:00";
  return JSON.stringify({
    task_id: id,
    service: alice.service,
    user_id: alice.user,
    status: "pending",
    parameters: {},
    created_at: time,
    updated_at: time,
    result: { pod_status: null, launcher_output: null },
    priority: "low",
    active_jobs: [],
    ...fields,
  });
}

/** Stores a record and its shared keys as the scheduler does: none of ours, and not the user's set over all services. */
export async function saveAsScheduler(redis: Redis, id: string, fields: Partial<TaskRecord> = {}): Promise<void> {
  const raw = foreignRecord(id, fields);
  const { service, user_id: user } = readable(raw);
  await redis
    .multi()
    .set(keys.record(id), raw)
    .hset(keys.metadata(id), { service, user_id: user })
    .sadd(keys.tasks, id)
    .sadd(keys.service(service), id)
    .sadd(keys.users(service), user)
    .sadd(keys.owner({ service, user }), id)
    .exec();
}

/** Everything that Redis holds, by key: to show that something changed nothing. */
export async function contents(redis: Redis): Promise<Record<string, unknown>> {
  const names = (await redis.keys("*")).sort();
  const values = await Promise.all(names.map((name) => valueAt(redis, name)));
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

async function valueAt(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "string":
      return redis.get(key);
    case "hash":
      return redis.hgetall(key);
    case "set":
      return (await redis.smembers(key)).sort();
    case "zset":
      return redis.zrange(key, "0", "-1", "WITHSCORES");
    case "stream":
      return redis.xrange(key, "-", "+");
    default:
      return redis.lrange(key, 0, -1);
  }
}

/** The keys that are a task's own or hold its id, the work stream apart. */
export async function tracesOf(redis: Redis, id: string): Promise<string[]> {
  const own: string[] = [keys.record(id), keys.metadata(id), keys.sidecar(id)];
  const held = Object.entries(await contents(redis)).filter(([key, value]) => {
    if (key === keys.work) return false;
    return own.includes(key) || (Array.isArray(value) ? value.includes(id) : holdsField(value, id));
  });
  return held.map(([key]) => key);
}

function holdsField(value: unknown, field: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field);
}

/** The ids on the work stream, in its order. */
export async function workIds(redis: Redis): Promise<string[]> {
  const entries = await redis.xrange(keys.work, "-", "+");
  return entries.map(([, fields]) => fields[1] ?? "");
}

/** The commands that clients send to the server while `action` runs; those that scripts call are not among them. */
export async function commandsDuring(redis: TestRedis, action: () => Promise<unknown>): Promise<string[][]> {
  const monitor = await redis.connect().monitor();
  const seen: string[][] = [];
  const over = new Promise<void>((resolve) => {
    monitor.on("monitor", (_time: string, args: string[], source: string) => {
      if (args[0] === "echo" && args[1] === "over") resolve();
      else if (source !== "lua") seen.push(args);
    });
  });
  await action();
  await redis.client.echo("over");
  await over;
  monitor.disconnect();
  return [...seen];
}
