import { expect, test } from "vitest";
import { commit, ensureGroup, keys, readEntries, readView, trimAcknowledged } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, contents, foreignRecord, openStore, workIds } from "./support.ts";

const redis = useRedis();

test("record, sidecar, due time, entry and acknowledgement change together, in one command", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  const [entry] = await readEntries(redis.client, { consumer: "c", count: 1, blockMs: 0 });
  const view = await readView(context, id);
  await commit(context, view, {});
  const commands = await commandsDuring(redis, () =>
    commit(context, view, {
      record: { status: "dispatching", logs: ["Sent"] },
      sidecar: { phase: "sending", attempts: 1, dueAt: 1_800_000_000_000, hold: null },
      enqueue: true,
      acknowledge: entry?.entryId ?? "",
      deferCancel: "since",
    }),
  );
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
  const after = await readView(context, id);
  expect(after.record).toMatchObject({ status: "dispatching", logs: [expect.stringMatching(/,Sent$/)] });
  expect(after.sidecar).toMatchObject({ phase: "sending", attempts: 1, dueAt: 1_800_000_000_000, rev: 2 });
  expect(await redis.client.zscore(keys.due, id)).toBe("1800000000000");
  expect(await redis.client.hget(keys.deferredCancels, id)).toBe("since");
  await trimAcknowledged(redis.client);
  expect(await workIds(redis.client)).toEqual([id]);
  expect(await redis.client.xpending(keys.work, "dispatchers")).toEqual([0, null, null, null]);
});

test("a commit gives the task as it is stored", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  const patch = { phase: "sending", checkAt: 5, foreignLogs: 1, error: "x", lease: "me", leaseUntil: 9 } as const;
  const given = await change(context, id, { record: { status: "running" }, sidecar: patch });
  const { now: _now, watched: _watched, ...stored } = await readView(context, id);
  expect(given).toMatchObject(stored);
  const cleared = await change(context, id, { sidecar: { checkAt: null, error: null, lease: null, leaseUntil: null } });
  expect(cleared.sidecar).toEqual((await readView(context, id)).sidecar);
  expect(cleared.sidecar).not.toHaveProperty("checkAt");
});

test.each([
  ["the record is another one", (id: string) => redis.client.set(keys.record(id), foreignRecord(id))],
  ["the record is gone", (id: string) => redis.client.del(keys.record(id))],
  ["the sidecar has another revision", (id: string) => redis.client.hincrby(keys.sidecar(id), "rev", 1)],
  ["the sidecar is gone", (id: string) => redis.client.del(keys.sidecar(id))],
])("nothing is written when %s", async (_, meddle) => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await ensureGroup(redis.client);
  const view = await readView(context, id);
  await meddle(id);
  const before = await contents(redis.client);
  const all = { record: { status: "running" }, sidecar: { phase: "sent", dueAt: 5 }, enqueue: true } as const;
  expect(await commit(context, view, { ...all, deferCancel: "t" })).toBeUndefined();
  expect(await commit(context, view, { ...all, remove: "hide" })).toBeUndefined();
  expect(await commit(context, view, { remove: "purge" })).toBeUndefined();
  expect(await contents(redis.client)).toEqual(before);
});

test("nothing is written when a task has come into being since it was not there", async () => {
  const { store, context } = openStore(redis);
  const view = await readView(context, "1");
  expect(view).toMatchObject({ raw: null, record: undefined, sidecar: undefined, deleted: false });
  await store.submit(alice, {});
  const before = await contents(redis.client);
  expect(await commit(context, view, { enqueue: true })).toBeUndefined();
  expect(await contents(redis.client)).toEqual(before);
});

test("two commits on one view: the first is done, the second refused", async () => {
  const { store, context } = openStore(redis);
  const view = await readView(context, await store.submit(alice, {}));
  const done = await Promise.all([
    commit(context, view, { sidecar: { attempts: 1 } }),
    commit(context, view, { sidecar: { attempts: 2 } }),
  ]);
  expect(done[0]?.sidecar?.attempts).toBe(1);
  expect(done[1]).toBeUndefined();
});

test("a change of the record alone leaves the sidecar's revision, and the next change may follow", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  const first = await commit(context, await readView(context, id), { record: { priority: "high" } });
  expect(first?.sidecar?.rev).toBe(1);
  expect(first && (await commit(context, first, { sidecar: { phase: "sent" } }))).toBeDefined();
  expect((await readView(context, id)).sidecar).toMatchObject({ rev: 2, phase: "sent" });
});

test("a due time that is taken back is due no more", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await change(context, id, { sidecar: { dueAt: 5 } });
  await change(context, id, { sidecar: { attempts: 1 } });
  expect(await redis.client.zscore(keys.due, id)).toBe("5");
  await change(context, id, { sidecar: { dueAt: null } });
  expect(await redis.client.exists(keys.due)).toBe(0);
});

test("Redis time comes with the view", async () => {
  const { store, context } = openStore(redis);
  const [seconds] = await redis.client.time();
  const { now } = await readView(context, await store.submit(alice, {}));
  expect(now - Number(seconds) * 1000).toBeGreaterThanOrEqual(0);
  expect(now - Number(seconds) * 1000).toBeLessThan(5000);
});
