import type { Redis } from "ioredis";
import { keys, type Owner, type TaskRecord } from "../../task-state/index.ts";

/** Lifetime of a record as the Python programs set it, in seconds. */
const ttl = 7_776_000;

/** A new record as the Python programs write it: compact JSON, all members, times with six fractional digits. */
export function peerRecord(id: string, { service, user }: Owner, fields: Partial<TaskRecord> = {}): string {
  const time = "2026-11-24T04:38:53.252169+09:00";
  return JSON.stringify({
    ...{ task_id: id, service, user_id: user, status: "pending", parameters: { src: "/pvs/a" } },
    ...{ created_at: time, updated_at: time, logs: [] },
    ...{ result: { pod_status: null, launcher_output: null }, priority: "low", active_jobs: [] },
    ...fields,
  });
}

/**
 * Stands in for a Python frontend or worker on the same Redis: it knows the shared keys, takes its ids from the shared
 * sequence, and knows nothing of `dms:*`. Each step may be called alone, to stop between two of them.
 */
export class PythonPeer {
  readonly #redis: Redis;
  /** Newer frontends also keep a user's tasks of all services. */
  readonly #newer: boolean;

  constructor(redis: Redis, { newer = false } = {}) {
    this.#redis = redis;
    this.#newer = newer;
  }

  async takeId(): Promise<string> {
    return String(await this.#redis.incr(keys.sequence));
  }

  async writeRecord(id: string, owner: Owner, fields?: Partial<TaskRecord>): Promise<void> {
    const { service, user } = owner;
    await this.#redis.set(keys.record(id), peerRecord(id, owner, fields), "EX", ttl);
    await this.#redis.hset(keys.metadata(id), { service, user_id: user });
    await this.#redis.expire(keys.metadata(id), ttl + 60);
  }

  async addToSets(id: string, owner: Owner): Promise<void> {
    for (const set of this.#setsOf(owner)) {
      await this.#redis.sadd(set, id);
      await this.#redis.expire(set, ttl);
    }
    await this.#redis.sadd(keys.users(owner.service), owner.user);
    await this.#redis.expire(keys.users(owner.service), ttl);
  }

  /** A frontend's submission. */
  async submit(owner: Owner, fields?: Partial<TaskRecord>): Promise<string> {
    const id = await this.takeId();
    await this.store(id, owner, fields);
    return id;
  }

  /** A worker's task under an id of its own choice. */
  async store(id: string, owner: Owner, fields?: Partial<TaskRecord>): Promise<void> {
    await this.writeRecord(id, owner, fields);
    await this.addToSets(id, owner);
  }

  /** Reads the whole record, changes it and writes it back. */
  async rewrite(id: string, change: (record: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    const record = JSON.parse((await this.#redis.get(keys.record(id))) ?? "null");
    await this.#redis.set(keys.record(id), JSON.stringify(change(record)), "EX", ttl);
  }

  async delete(id: string, owner: Owner): Promise<void> {
    await this.#redis.del(keys.record(id), keys.metadata(id));
    for (const set of this.#setsOf(owner)) await this.#redis.srem(set, id);
    const left = await this.#redis.scard(keys.owner(owner));
    if (left === 0) await this.#redis.srem(keys.users(owner.service), owner.user);
  }

  #setsOf(owner: Owner): string[] {
    const sets = [keys.tasks, keys.service(owner.service), keys.owner(owner)];
    return this.#newer ? [...sets, keys.user(owner.user)] : sets;
  }
}
