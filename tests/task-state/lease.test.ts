import { expect, test } from "vitest";
import {
  type Claim,
  claim,
  commit,
  dispatchGroup,
  keys,
  look,
  readEntries,
  takeOverEntries,
  trimAcknowledged,
  type WorkEntry,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, openStore } from "./support.ts";

const redis = useRedis();
const leaseMs = 60_000;
const read = (consumer: string): Promise<WorkEntry[]> =>
  readEntries(redis.client, { consumer, count: 100, blockMs: 0 });

/** A submitted task whose lease dispatcher `a` has taken. */
async function leased() {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, { src: "/a" });
  const [claimed] = await claim(context, await read("a"), { holder: "a", leaseMs });
  if (!claimed) throw new Error("not claimed");
  return { store, context, id, claimed };
}

async function enqueue(id: string): Promise<void> {
  await redis.client.xadd(keys.work, "*", "id", id);
}

/** Lets the lease of a task run out. */
async function expireLease(id: string): Promise<void> {
  await redis.client.hset(keys.sidecar(id), "leaseUntil", Date.now() - 1);
}

/** The entries that have been read and not acknowledged. */
async function pending(): Promise<unknown[]> {
  const rows = await redis.client.xpending(keys.work, dispatchGroup, "-", "+", 100);
  return rows.map((row) => (Array.isArray(row) ? row[0] : row));
}

test("a claim takes the lease and shows the task as it is stored then", async () => {
  const { context, id, claimed } = await leased();
  const { now, ...view } = await look(context, id);
  expect(claimed.view).toMatchObject(view);
  expect(claimed.view.sidecar).toMatchObject({ lease: "a", phase: "queued", rev: 2, attempts: 0, cancelAttempts: 0 });
  expect(claimed.view.sidecar?.leaseUntil).toBe(claimed.view.now + leaseMs);
  expect(now - claimed.view.now).toBeLessThan(5000);
  expect(await pending()).toEqual([claimed.entry.entryId]);
});

test("tasks are claimed in one command, in the order of their entries", async () => {
  const { store, context } = openStore(redis);
  for (let count = 0; count < 20; count += 1) await store.submit(alice, {});
  const entries = await read("a");
  let claims: Claim[] = [];
  const commands = await commandsDuring(redis, async () => {
    claims = await claim(context, entries, { holder: "a", leaseMs });
  });
  expect(claims.map(({ entry }) => entry)).toEqual(entries);
  expect(claims.map(({ view }) => view.record?.task_id)).toEqual(entries.map(({ taskId }) => taskId));
  expect(commands.filter(([name]) => name?.startsWith("eval")).length).toBeLessThanOrEqual(2);
  expect(await claim(context, [], { holder: "a", leaseMs })).toEqual([]);
});

test("while the lease is held nobody else gets the task, and the holder has to look again", async () => {
  const { context, id, claimed } = await leased();
  await enqueue(id);
  expect(await claim(context, await read("b"), { holder: "b", leaseMs })).toEqual([]);
  expect(await pending()).toEqual([claimed.entry.entryId]);
  expect(await commit(context, claimed.view, { sidecar: { phase: "sending" } })).toBeUndefined();
  const again = await look(context, id);
  expect(again.sidecar).toMatchObject({ lease: "a", leaseUntil: claimed.view.sidecar?.leaseUntil, phase: "queued" });
  const end = { sidecar: { lease: null, leaseUntil: null }, acknowledge: claimed.entry.entryId } as const;
  expect(await commit(context, again, end)).toBeDefined();
  await trimAcknowledged(redis.client);
  expect(await redis.client.xlen(keys.work)).toBe(0);
});

test("a cancellation amid a lease is seen by the holder before it can commit", async () => {
  const { store, context, id, claimed } = await leased();
  await store.cancel(id, alice);
  expect(await commit(context, claimed.view, { sidecar: { phase: "sending" } })).toBeUndefined();
  expect((await look(context, id)).record?.status).toBe("cancelled");
});

test("two entries of one task in one batch are one claim", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await enqueue(id);
  const claims = await claim(context, await read("a"), { holder: "a", leaseMs });
  expect(claims.map(({ view }) => view.id)).toEqual([id]);
  expect(await pending()).toEqual([claims[0]?.entry.entryId]);
});

test("a lease that has run out is taken, and the late holder cannot commit", async () => {
  const { context, id, claimed } = await leased();
  await expireLease(id);
  await enqueue(id);
  const [taken] = await claim(context, await read("b"), { holder: "b", leaseMs });
  expect(taken?.view.sidecar).toMatchObject({ lease: "b", rev: 3 });
  expect(await commit(context, claimed.view, { sidecar: { phase: "sending" } })).toBeUndefined();
  expect(taken && (await commit(context, taken.view, { sidecar: { phase: "sending" } }))).toBeDefined();
});

test("a released task may be claimed by the next one", async () => {
  const { context, id } = await leased();
  await change(context, id, { sidecar: { lease: null, leaseUntil: null } });
  await enqueue(id);
  const [taken] = await claim(context, await read("b"), { holder: "b", leaseMs });
  expect(taken?.view.sidecar?.lease).toBe("b");
});

test("the entry of a dispatcher that died is taken over and its task claimed", async () => {
  const { context, id, claimed } = await leased();
  await expireLease(id);
  const entries = await takeOverEntries(redis.client, { consumer: "b", count: 10, idleMs: 0 });
  expect(entries).toEqual([claimed.entry]);
  expect((await claim(context, entries, { holder: "b", leaseMs })).map(({ view }) => view.id)).toEqual([id]);
});

test("an entry that is taken over before its holder's lease has run out is kept, so that the task comes back", async () => {
  const { context, id, claimed } = await leased();
  const takeOver = () => takeOverEntries(redis.client, { consumer: "b", count: 10, idleMs: 0 });
  expect(await claim(context, await takeOver(), { holder: "b", leaseMs })).toEqual([]);
  expect(await pending()).toEqual([claimed.entry.entryId]);
  await expireLease(id);
  const [taken] = await claim(context, await takeOver(), { holder: "b", leaseMs });
  expect(taken).toMatchObject({ entry: claimed.entry, view: { sidecar: { lease: "b" } } });
});

test("a task that is deleted is claimed as deleted, one of which nothing is left is not claimed", async () => {
  const { store, context } = openStore(redis);
  const [hidden, purged] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await change(context, hidden, { remove: "hide" });
  await change(context, purged, { remove: "purge" });
  const claims = await claim(context, await read("a"), { holder: "a", leaseMs });
  expect(claims.map(({ view }) => [view.id, view.deleted])).toEqual([[hidden, true]]);
  expect(await pending()).toEqual([claims[0]?.entry.entryId]);
  expect(await redis.client.exists(keys.sidecar(purged))).toBe(0);
});

test("a task whose record has expired is claimed without it, one of another program is left alone", async () => {
  const { store, context, unreadable } = openStore(redis);
  const [expired, broken] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await redis.client.del(keys.record(expired));
  await redis.client.set(keys.record(broken), "{");
  await redis.client.set(keys.record("9"), "{}");
  await enqueue("9");
  const claims = await claim(context, await read("a"), { holder: "a", leaseMs });
  expect(claims.map(({ view }) => [view.id, view.raw, view.record])).toEqual([
    [expired, null, undefined],
    [broken, "{", undefined],
  ]);
  expect(unreadable).toEqual([broken]);
  expect(await redis.client.exists(keys.sidecar("9"))).toBe(0);
});

test("10 dispatchers that claim the same task at once: one has it", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  for (let count = 1; count < 10; count += 1) await enqueue(id);
  const entries = await read("a");
  const claims = await Promise.all(
    entries.map((entry, index) => claim(context, [entry], { holder: `d${index}`, leaseMs })),
  );
  const holders = claims.flat().map(({ view }) => view.sidecar?.lease);
  expect(holders).toHaveLength(1);
  expect((await look(context, id)).sidecar?.lease).toBe(holders[0]);
});

test("a task whose sidecar is spoilt is set aside alone, and what Redis refuses it refuses to all", async () => {
  const { store, context } = openStore(redis);
  const [spoilt, whole] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await redis.client.hset(keys.sidecar(spoilt), "leaseUntil", "never");
  const entries = await read("a");
  await redis.client.config("SET", "min-replicas-to-write", "1");
  await expect(claim(context, entries, { holder: "a", leaseMs })).rejects.toThrow(/^NOREPLICAS/);
  await redis.client.config("SET", "min-replicas-to-write", "0");
  const claims = await claim(context, entries, { holder: "a", leaseMs });
  expect(claims.map(({ view }) => view.id)).toEqual([whole]);
  expect(await pending()).toEqual([claims[0]?.entry.entryId]);
  expect(await redis.client.zscore(keys.dead, spoilt)).not.toBeNull();
});
