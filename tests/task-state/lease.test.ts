import { expect, test } from "vitest";
import {
  type Claim,
  type ClaimOptions,
  claim as claimAll,
  commit,
  dispatchGroup,
  keys,
  quarantine,
  readEntries,
  readView,
  reclaimEntries,
  type TaskStateContext,
  trimAcknowledged,
  type View,
  type WorkEntry,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, openStore } from "./support.ts";

const claim = async (context: TaskStateContext, entries: readonly WorkEntry[], options: ClaimOptions) =>
  (await claimAll(context, entries, options)).claimed;

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

/** Lets the leases of a dispatcher run out. */
async function expireLeases(holder = "a"): Promise<void> {
  await redis.client.zadd(keys.leases, "XX", 1, holder);
}

/** The entries that have been read and not acknowledged. */
async function pending(): Promise<unknown[]> {
  const rows = await redis.client.xpending(keys.work, dispatchGroup, "-", "+", 100);
  return rows.map((row) => (Array.isArray(row) ? row[0] : row));
}

test("a claim takes the lease and shows the task as it is stored then", async () => {
  const { context, id, claimed } = await leased();
  const { now, watched, ...view } = await readView(context, id);
  expect(claimed.view).toMatchObject(view);
  expect(claimed.view.sidecar).toMatchObject({ lease: "a", phase: "queued", rev: 2, attempts: 0, cancelAttempts: 0 });
  expect(Math.abs((claimed.view.sidecar?.leaseUntil ?? 0) - claimed.view.now - leaseMs)).toBeLessThan(1000);
  expect(Number(await redis.client.zscore(keys.leases, "a"))).toBe(claimed.view.watched + leaseMs);
  expect(now - claimed.view.now).toBeLessThan(5000);
  expect(watched - claimed.view.watched).toBeLessThan(5000);
  expect(await pending()).toEqual([claimed.entry.entryId]);
});

test("tasks are claimed in one command, in the order of their entries", async () => {
  const { store, context } = openStore(redis);
  for (let count = 0; count < 20; count += 1) await store.submit(alice, {});
  const entries = await read("a");
  let claims: readonly Claim[] = [];
  const commands = await commandsDuring(redis, async () => {
    claims = await claim(context, entries, { holder: "a", leaseMs });
  });
  expect(claims.map(({ entry }) => entry)).toEqual(entries);
  expect(claims.map(({ view }) => view.record?.task_id)).toEqual(entries.map(({ taskId }) => taskId));
  expect(commands.filter(([name]) => name?.startsWith("eval")).length).toBeLessThanOrEqual(2);
  expect(await claim(context, [], { holder: "a", leaseMs })).toEqual([]);
});

test("while the lease is held nobody else gets the task, and the holder has to read it again", async () => {
  const { context, id, claimed } = await leased();
  await enqueue(id);
  expect(await claim(context, await read("b"), { holder: "b", leaseMs })).toEqual([]);
  expect(await pending()).toEqual([claimed.entry.entryId]);
  expect(await commit(context, claimed.view, { sidecar: { phase: "sending" } })).toBeUndefined();
  const again = await readView(context, id);
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
  expect((await readView(context, id)).record?.status).toBe("cancelled");
});

test("two entries of one task in one batch are one claim, and the dispatcher learns that the other is its own", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await enqueue(id);
  const entries = await read("a");
  const { claimed, own } = await claimAll(context, entries, { holder: "a", leaseMs });
  expect(claimed.map(({ view }) => view.id)).toEqual([id]);
  expect(own).toEqual([entries[1]]);
  expect(await commit(context, claimed[0]?.view as View, { sidecar: { phase: "sending" } })).toBeUndefined();
});

test("a lease of its own is no obstacle for a dispatcher that is not at work on the task", async () => {
  const { context, id, claimed } = await leased();
  const again = await claimAll(context, [claimed.entry], { holder: "a", leaseMs }, true);
  expect(again.claimed.map(({ view }) => view.id)).toEqual([id]);
  expect(await claim(context, [claimed.entry], { holder: "b", leaseMs })).toEqual([]);
});

test("a submission that another dispatcher has left under way is judged a grace after its task was taken over", async () => {
  const { context, id, claimed } = await leased();
  await change(context, id, { sidecar: { phase: "sending", checkAt: claimed.view.watched } });
  await expireLeases();
  await redis.client.xclaim(keys.work, dispatchGroup, "b", 0, claimed.entry.entryId);
  const [taken] = await claim(context, [claimed.entry], { holder: "b", leaseMs, graceMs: 5000 });
  expect(taken?.view.sidecar?.checkAt).toBe((taken?.view.watched ?? 0) + 5000);
  expect((await readView(context, id)).sidecar).toMatchObject({ lease: "b", checkAt: taken?.view.sidecar?.checkAt });
});

test("records are claimed until a call has read a megabyte of them, and the others by further calls", async () => {
  const { store, context } = openStore(redis);
  for (let count = 0; count < 5; count += 1) await store.submit(alice, { src: "x".repeat(400 * 1024) });
  const entries = await read("a");
  const first = await claimAll(context, entries, { holder: "a", leaseMs });
  expect(first.claimed.map(({ entry }) => entry)).toEqual(entries.slice(0, 3));
  expect(first.later).toEqual(entries.slice(3));
  expect((await claim(context, first.later, { holder: "a", leaseMs })).map(({ entry }) => entry)).toEqual(first.later);
});

test("a lease that has run out is taken, and the late holder cannot commit", async () => {
  const { context, id, claimed } = await leased();
  await expireLeases();
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
  await expireLeases();
  const { entries } = await reclaimEntries(redis.client, { consumer: "b", count: 10, leaseMs });
  expect(entries).toEqual([claimed.entry]);
  expect((await claim(context, entries, { holder: "b", leaseMs })).map(({ view }) => view.id)).toEqual([id]);
});

test("an entry that is taken over before its holder's lease has run out is kept, so that the task comes back", async () => {
  const { context, id, claimed } = await leased();
  // As a version does that goes by idle times.
  const takeOver = async () => {
    await redis.client.xclaim(keys.work, dispatchGroup, "b", 0, claimed.entry.entryId);
    return [claimed.entry];
  };
  expect(await claim(context, await takeOver(), { holder: "b", leaseMs })).toEqual([]);
  expect(await pending()).toEqual([claimed.entry.entryId]);
  await expireLeases();
  const [taken] = await claim(context, await takeOver(), { holder: "b", leaseMs });
  expect(taken).toMatchObject({ entry: claimed.entry, view: { id, sidecar: { lease: "b" } } });
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
  const claims = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const holder = `d${index}`;
      const entries = await readEntries(redis.client, { consumer: holder, count: 1, blockMs: 0 });
      return claim(context, entries, { holder, leaseMs });
    }),
  );
  const holders = claims.flat().map(({ view }) => view.sidecar?.lease);
  expect(holders).toHaveLength(1);
  expect((await readView(context, id)).sidecar?.lease).toBe(holders[0]);
});

test("an invalid sidecar quarantines its own task only, and an error of Redis fails the call", async () => {
  const { store, context } = openStore(redis);
  const [unreadable, whole] = [await store.submit(alice, {}), await store.submit(alice, {})];
  await redis.client.hset(keys.sidecar(unreadable), "leaseUntil", "never");
  const entries = await read("a");
  await redis.client.config("SET", "min-replicas-to-write", "1");
  await expect(claim(context, entries, { holder: "a", leaseMs })).rejects.toThrow(/^NOREPLICAS/);
  await redis.client.config("SET", "min-replicas-to-write", "0");
  const { claimed: claims, unreadable: aside } = await claimAll(context, entries, { holder: "a", leaseMs });
  expect(claims.map(({ view }) => view.id)).toEqual([whole]);
  await quarantine(context, ...aside);
  expect(await pending()).toEqual([claims[0]?.entry.entryId]);
  expect(await redis.client.zscore(keys.dead, unreadable)).not.toBeNull();
});

test.each(["acknowledged", "taken over"])(
  "an entry that was %s by another dispatcher meanwhile gives no lease to the one that had read it",
  async (how) => {
    const { store, context } = openStore(redis);
    const id = await store.submit(alice, {});
    const entries = await read("a");
    const [entryId = ""] = entries.map((entry) => entry.entryId);
    if (how === "acknowledged") await redis.client.xack(keys.work, dispatchGroup, entryId);
    else await redis.client.xclaim(keys.work, dispatchGroup, "b", 0, entryId);
    expect(await claim(context, entries, { holder: "a", leaseMs })).toEqual([]);
    expect((await readView(context, id)).sidecar?.lease).toBeUndefined();
    await enqueue(id);
    expect(await claim(context, await read("c"), { holder: "c", leaseMs })).toHaveLength(1);
  },
);
