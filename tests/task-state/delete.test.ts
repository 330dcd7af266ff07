import { expect, test } from "vitest";
import { claim, deletionMemory, keys, readEntries, readView, trimAcknowledged } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import {
  alice,
  bob,
  change,
  contents,
  foreignRecord,
  openStore,
  piecesOf,
  readable,
  stages,
  taskIn,
  tracesOf,
  workIds,
} from "./support.ts";

const redis = useRedis();
const memory = [keys.deleted, keys.deletedOwners];
const hiding = ["doubtful", "sending", "sent", "foreign"] as const;

test.each(stages)("a deleted %s task is returned as it was and is gone for every reader", async (stage) => {
  const opened = openStore(redis);
  const { store } = opened;
  const id = await taskIn(stage, opened);
  await store.submit(bob, {});
  const before = await store.get(id);
  expect(await store.delete(id, alice)).toBe(before);
  expect(await store.get(id)).toBeUndefined();
  for (const scope of [{}, { service: "sync" }, alice]) {
    const tasks = [
      ...(await store.page(scope, { limit: 10, order: "desc" })).tasks,
      ...(await piecesOf(store.all(scope))).flat(),
    ];
    expect(tasks.map((raw) => readable(raw).task_id)).not.toContain(id);
  }
  expect(await store.users("sync")).toEqual(["bob"]);
  expect(await redis.client.smembers(keys.users("sync"))).toEqual(["bob"]);
});

test("a queued task is purged: nothing is left but the memory of its deletion", async () => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  await change(opened.context, id, { sidecar: { dueAt: 1, hold: "blocked" }, deferCancel: "t" });
  expect(await tracesOf(redis.client, id)).toEqual(
    expect.arrayContaining([keys.due, keys.parked("alice"), keys.deferredCancels]),
  );
  await redis.client.zadd(keys.inFlight, 1, id);
  await redis.client.zadd(keys.inFlightOf("alice"), 1, id);
  await opened.store.delete(id, alice);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  // A user without parked tasks leaves the parked users at the next release.
  const others = [keys.parkedUsers, keys.work, keys.added, keys.sequence];
  expect((await redis.client.keys("*")).sort()).toEqual([...memory, ...others].sort());
});

test("a registered task is purged, because only its service has anything of it", async () => {
  const opened = openStore(redis);
  const id = await taskIn("registered", opened);
  await opened.store.delete(id, alice);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  expect(await workIds(redis.client)).toEqual([]);
});

test("a registered task with jobs at the scheduler lives on, hidden, until they are cancelled", async () => {
  const opened = openStore(redis);
  const id = await taskIn("registered", opened);
  await opened.store.update(id, { status: "running", active_jobs: ["index-1"] });
  await opened.store.delete(id, alice);
  expect(await readView(opened.context, id)).toMatchObject({ deleted: true, sidecar: { want: "delete" } });
  expect(await workIds(redis.client)).toEqual([id]);
});

test.each(["completed", "failed", "cancelled"] as const)(
  "a task that is %s is purged in every stage",
  async (status) => {
    const opened = openStore(redis);
    for (const stage of stages) {
      const id = await taskIn(stage, opened);
      const raw = foreignRecord(id, { status });
      await redis.client.set(keys.record(id), raw);
      expect(await opened.store.delete(id, alice)).toBe(raw);
      expect(await tracesOf(redis.client, id)).toEqual(memory);
    }
  },
);

test("the entry that a purged task leaves on the work stream is dropped when it is claimed", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await store.delete(id, alice);
  const entries = await readEntries(redis.client, { consumer: "c", count: 10, blockMs: 0 });
  expect(entries.map(({ taskId }) => taskId)).toEqual([id]);
  expect((await claim(context, entries, { holder: "c", leaseMs: 1000 })).claimed).toEqual([]);
  await trimAcknowledged(redis.client);
  expect(await redis.client.xlen(keys.work)).toBe(0);
  expect(await tracesOf(redis.client, id)).toEqual(memory);
});

test.each(hiding)("a %s task lives on, hidden, and the dispatcher gets an entry", async (stage) => {
  const opened = openStore(redis);
  const id = await taskIn(stage, opened);
  const before = await readView(opened.context, id);
  const entries = await workIds(redis.client);
  await opened.store.delete(id, alice);
  const after = await readView(opened.context, id);
  expect(after).toMatchObject({ raw: before.raw, deleted: true, sidecar: { want: "delete" } });
  expect(after.sidecar?.phase).toBe(before.sidecar?.phase ?? "foreign");
  expect(await workIds(redis.client)).toEqual([...entries, id]);
  expect(await redis.client.zscore(keys.deleted, id)).toBe("inf");
  const own = [keys.record(id), keys.metadata(id), keys.sidecar(id), ...(stage === "sending" ? [keys.due] : [])];
  expect((await tracesOf(redis.client, id)).sort()).toEqual([...memory, ...own].sort());
});

test.each(hiding)("a hidden %s task is purged whole once the cancellation is confirmed", async (stage) => {
  const opened = openStore(redis);
  const id = await taskIn(stage, opened);
  await opened.store.delete(id, alice);
  const view = await change(opened.context, id, { remove: "purge" });
  expect(view).toMatchObject({ raw: null, record: undefined, sidecar: undefined, deleted: true });
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  const remembered = Number(await redis.client.zscore(keys.deleted, id)) - Date.now();
  expect(remembered).toBeGreaterThan(deletionMemory - 5000);
  expect(remembered).toBeLessThanOrEqual(deletionMemory + 1000);
});

test("a purge that outlives its record removes what is left", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await redis.client.del(keys.record(id));
  await change(opened.context, id, { remove: "purge" });
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  expect(await opened.store.users("sync")).toEqual([]);
});

test("a cancelled task may be deleted, and a deferred cancellation becomes a delete", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sending", opened);
  const shown = await opened.store.cancel(id, alice);
  expect(readable(shown).status).toBe("cancel_requested");
  expect(await opened.store.delete(id, alice)).toBeDefined();
  expect(await opened.store.get(id)).toBeUndefined();
  expect((await readView(opened.context, id)).sidecar).toMatchObject({ phase: "sending", want: "delete" });
});

test.each(stages)("a %s task is deleted once: asking again finds nothing and changes nothing", async (stage) => {
  const opened = openStore(redis);
  const id = await taskIn(stage, opened);
  await opened.store.delete(id, alice);
  const before = await contents(redis.client);
  expect(await opened.store.delete(id, alice)).toBeUndefined();
  expect(await opened.store.cancel(id, alice)).toBeUndefined();
  expect(await opened.store.update(id, { status: "running" })).toEqual({ outcome: "not_found" });
  expect(await contents(redis.client)).toEqual(before);
});

test("a task that is not the caller's is not deleted", async () => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  const before = await contents(redis.client);
  expect(await opened.store.delete(id, bob)).toBeUndefined();
  expect(await opened.store.delete("99")).toBeUndefined();
  expect(await contents(redis.client)).toEqual(before);
});

test("a deletion leaves the user's other tasks and services where they are", async () => {
  const { store } = openStore(redis);
  const ids = [await store.submit(alice, {}), await store.submit(alice, {})];
  await store.submit({ service: "copy", user: "alice" }, {});
  await store.delete(ids[0] ?? "");
  expect(await redis.client.smembers(keys.owner(alice))).toEqual(["2"]);
  expect((await redis.client.smembers(keys.user("alice"))).sort()).toEqual(["2", "3"]);
  await store.delete(ids[1] ?? "");
  expect(await store.users("sync")).toEqual([]);
  expect(await store.users("copy")).toEqual(["alice"]);
  expect(await redis.client.smembers(keys.user("alice"))).toEqual(["3"]);
});
