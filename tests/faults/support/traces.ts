import type { Redis } from "ioredis";
import { keys, type Owner } from "../../../task-state/index.ts";

/** The keys that are a task's own or hold its id; the memory of deletions and the work stream apart. */
export async function tracesOf(redis: Redis, id: string): Promise<string[]> {
  const owner = await ownerOf(redis, id);
  const sets = [keys.tasks, ...(owner ? [keys.service(owner.service), keys.owner(owner)] : [])];
  const sorted = [keys.due, keys.inFlight, keys.dead, ...sets.map(keys.ordered)];
  if (owner) {
    sets.push(keys.user(owner.user));
    sorted.push(keys.parked(owner.user), keys.inFlightOf(owner.user));
  }
  const own = [keys.record(id), keys.metadata(id), keys.sidecar(id)];
  const held = await Promise.all([
    ...own.map((key) => redis.exists(key)),
    ...sets.map((set) => redis.sismember(set, id)),
    ...sorted.map(async (set) => ((await redis.zscore(set, id)) === null ? 0 : 1)),
    ...[keys.deferredCancels, keys.deadLetters].map((hash) => redis.hexists(hash, id)),
  ]);
  const names = [...own, ...sets, ...sorted, keys.deferredCancels, keys.deadLetters];
  return names.filter((_, index) => held[index] === 1);
}

async function ownerOf(redis: Redis, id: string): Promise<Owner | undefined> {
  const known = await redis.hget(keys.deletedOwners, id);
  if (known === null) return undefined;
  const [service, user] = JSON.parse(known) as [string, string];
  return { service, user };
}
