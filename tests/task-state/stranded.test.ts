import { expect, test } from "vitest";
import {
  type Change,
  claim,
  commit,
  dispatchGroup,
  ensureGroup,
  keys,
  promoteDue,
  quarantine,
  readEntries,
  releaseParked,
  removeLeftovers,
  sendHeartbeat,
  type TaskStateContext,
  trimAcknowledged,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, contents, type OpenStore, openStore, type Stage, taskIn, workIds } from "./support.ts";

const redis = useRedis();
const nothing = { requeued: 0, purged: 0, cleared: 0 };
const one = { ...nothing, requeued: 1 };

async function cancelled(open: OpenStore): Promise<string> {
  const id = await taskIn("sent", open);
  await open.store.cancel(id);
  return id;
}

async function hidden(open: OpenStore): Promise<string> {
  const id = await taskIn("sent", open);
  await open.store.delete(id);
  return id;
}

const staged = (stage: Stage) => (open: OpenStore) => taskIn(stage, open);
const changed = (wanted: Change) => async (open: OpenStore) => {
  const id = await open.store.submit(alice, {});
  await change(open.context, id, wanted);
  return id;
};
const ended = { status: "completed" } as const;

/** Everything without the clock, the stream and the counter of its entries. */
async function rest(): Promise<Record<string, unknown>> {
  const { [keys.clock]: _clock, [keys.work]: _work, [keys.added]: _added, ...others } = await contents(redis.client);
  return others;
}

test.each([
  ["that was never read", staged("queued")],
  ["whose submission may be sent again", staged("doubtful")],
  ["whose submission was interrupted", staged("sending")],
  ["that is parked", changed({ sidecar: { hold: "blocked" } })],
  ["that an operator retried", changed({ sidecar: { attempts: 0, generation: 1 } })],
  ["that another program moved on", changed({ record: { status: "running" } })],
  ["whose cancellation is not confirmed", cancelled],
  ["whose deletion is not confirmed", hidden],
  ["that ended before its cancellation was confirmed", changed({ record: ended, sidecar: { want: "cancel" } })],
])("a task %s gets one entry when all keys of the queue are lost, and only its revision changes", async (_, make) => {
  const opened = openStore(redis);
  const id = await make(opened);
  await redis.client.del(keys.work, keys.added, keys.due, keys.parkedUsers, keys.parked("alice"), keys.held);
  const { rev: before, ...fields } = await redis.client.hgetall(keys.sidecar(id));
  const others = await rest();
  expect(await removeLeftovers(opened.context)).toEqual(one);
  expect(await workIds(redis.client)).toEqual([id]);
  expect(await redis.client.get(keys.added)).toBe("1");
  const { rev, ...after } = await redis.client.hgetall(keys.sidecar(id));
  expect(after).toEqual(fields);
  expect(Number(rev)).toBe(Number(before) + 1);
  expect({ ...(await rest()), [keys.sidecar(id)]: others[keys.sidecar(id)] }).toEqual(others);
  expect(await removeLeftovers(opened.context)).toEqual(nothing);
  expect(await workIds(redis.client)).toEqual([id]);
});

test.each([
  ["was trimmed", () => redis.client.xtrim(keys.work, "MAXLEN", 0)],
  [
    "lies before the entries that the group still reads",
    () => redis.client.xgroup("SETID", keys.work, dispatchGroup, "$"),
  ],
  [
    "was acknowledged by another program",
    async () => {
      const [entry] = await readEntries(redis.client, { consumer: "tool", count: 1, blockMs: 0 });
      await redis.client.xack(keys.work, dispatchGroup, entry?.entryId ?? "");
    },
  ],
] as const)("a task whose entry %s gets another one", async (_, lose) => {
  const { context, store } = openStore(redis);
  await ensureGroup(redis.client);
  const id = await store.submit(alice, {});
  await lose();
  expect(await removeLeftovers(context)).toEqual(one);
  const entries = await readEntries(redis.client, { consumer: "one", count: 10, blockMs: 0 });
  expect(entries.map(({ taskId }) => taskId)).toEqual([id]);
});

test("entries that outlive their group count, because a new group delivers them", async () => {
  const { context, store } = openStore(redis);
  await ensureGroup(redis.client);
  const ids = [await store.submit(alice, {}), await store.submit(alice, {})];
  await readEntries(redis.client, { consumer: "one", count: 1, blockMs: 0 });
  await redis.client.xgroup("DESTROY", keys.work, dispatchGroup);
  expect(await removeLeftovers(context)).toEqual(nothing);
  const entries = await readEntries(redis.client, { consumer: "one", count: 10, blockMs: 0 });
  expect(entries.map(({ taskId }) => taskId)).toEqual(ids);
});

test.each([
  ["that rests at the scheduler", staged("sent")],
  ["that its service runs itself", staged("registered")],
  ["that the scheduler refused", changed({ record: { status: "failed" }, sidecar: { error: "no" } })],
  ["that ended during its submission", changed({ record: ended, sidecar: { phase: "sending" } })],
  ["whose submission is a dead letter", changed({ record: { status: "failed" }, sidecar: { dead: "submit" } })],
  ["whose cancellation is a dead letter", changed({ sidecar: { phase: "sent", want: "cancel", dead: "cancel" } })],
  ["whose cancellation is confirmed", changed({ record: ended, sidecar: { want: "cancel", confirmedAt: 1 } })],
  ["that is due later", changed({ sidecar: { dueAt: 2 ** 50 } })],
  ["that is parked", changed({ sidecar: { hold: "blocked" } })],
])("a task %s gets no entry", async (_, make) => {
  const opened = openStore(redis);
  await make(opened);
  await redis.client.del(keys.work);
  expect(await removeLeftovers(opened.context)).toEqual(nothing);
  expect(await redis.client.exists(keys.work)).toBe(0);
});

test("a task that cannot be read gets no entry while it is on the list of those, and one when that is lost", async () => {
  const { context, store } = openStore(redis);
  const id = await store.submit(alice, {});
  await redis.client.set(keys.record(id), "{");
  await quarantine(context, { id, reason: "the record is not JSON" });
  await redis.client.del(keys.work);
  expect(await removeLeftovers(context)).toEqual(nothing);
  await redis.client.del(keys.unreadable);
  expect(await removeLeftovers(context)).toEqual(one);
});

test("a parked task whose user nobody checks any more gets an entry", async () => {
  const opened = openStore(redis);
  const id = await changed({ sidecar: { hold: "blocked" } })(opened);
  await redis.client.del(keys.work, keys.parkedUsers);
  expect(await removeLeftovers(opened.context)).toEqual(one);
  expect(await workIds(redis.client)).toEqual([id]);
});

test("a task that a dispatcher holds gets no entry until the lease is over", async () => {
  const { context, store } = openStore(redis);
  await store.submit(alice, {});
  await sendHeartbeat(redis.client, "one", 60_000);
  const entries = await readEntries(redis.client, { consumer: "one", count: 10, blockMs: 0 });
  expect((await claim(context, entries, { holder: "one", leaseMs: 60_000 })).claimed).toHaveLength(1);
  await redis.client.del(keys.work);
  expect(await removeLeftovers(context)).toEqual(nothing);
  await redis.client.zadd(keys.leases, 1, "one");
  expect((await removeLeftovers(context)).requeued).toBe(1);
});

test("several searches at once add one entry for each task", async () => {
  const { context, store } = openStore(redis);
  const ids = await Promise.all(Array.from({ length: 200 }, () => store.submit(alice, {})));
  await redis.client.del(keys.work);
  const contexts = [
    context,
    ...Array.from({ length: 3 }, () => openStore(redis, { primary: redis.connect() }).context),
  ];
  const found = await Promise.all(contexts.map((each) => removeLeftovers(each)));
  expect(found.reduce((sum, { requeued }) => sum + requeued, 0)).toBe(200);
  expect((await workIds(redis.client)).toSorted()).toEqual(ids.toSorted());
});

/** Moves tasks between all places that the queue has, as dispatchers do. */
async function moveAround(context: TaskStateContext, holder: string): Promise<void> {
  await sendHeartbeat(context.primary, holder, 60_000);
  const entries = await readEntries(context.primary, { consumer: holder, count: 8, blockMs: 0 });
  const { claimed } = await claim(context, entries, { holder, leaseMs: 60_000 });
  const free = { lease: null, leaseUntil: null };
  for (const [index, { entry, view }] of claimed.entries()) {
    const acknowledge = entry.entryId;
    const changes: Change[] = [
      { sidecar: { ...free, dueAt: view.now }, acknowledge },
      { sidecar: { ...free, hold: "blocked", dueAt: null }, acknowledge },
      { sidecar: free, enqueue: true, acknowledge },
      { sidecar: { ...free, phase: "sent", dueAt: null, hold: null }, acknowledge },
    ];
    await commit(context, view, changes[index % changes.length] ?? {});
  }
  await releaseParked(context.primary, "alice");
}

test("a search beside tasks that change their places finds none of them stranded", async () => {
  const { context, store } = openStore(redis);
  const elsewhere = openStore(redis, { primary: redis.connect() }).context;
  const total = 400;
  let working = true;
  const work = async () => {
    for (let count = 0; count < total; count += 1) {
      await store.submit(alice, {});
      await moveAround(context, "one");
      await promoteDue(context.primary, 100);
      if (count % 5 === 0) await trimAcknowledged(context.primary);
    }
    working = false;
  };
  const search = async () => {
    let searches = 0;
    for (; working; searches += 1) expect(await removeLeftovers(elsewhere)).toEqual(nothing);
    expect(searches).toBeGreaterThan(10);
  };
  await Promise.all([work(), search()]);
  expect(await removeLeftovers(context)).toEqual(nothing);
});

test("a sidecar of another type or with other values keeps no other task up", async () => {
  const { context, store } = openStore(redis);
  await redis.client.set(keys.sidecar("7"), "spoilt");
  await redis.client.hset(keys.sidecar("8"), {
    phase: "queued",
    user: "alice",
    rev: "none",
    lease: "x",
    leaseUntil: "y",
  });
  await redis.client.set(keys.record("8"), "{}");
  const id = await store.submit(alice, {});
  await redis.client.del(keys.work);
  expect((await removeLeftovers(context)).requeued).toBe(1);
  expect(await workIds(redis.client)).toEqual([id]);
});

test("a list of parked tasks of another type is no place, and keeps no task up", async () => {
  const { context, store } = openStore(redis);
  await redis.client.set(keys.parked("alice"), "spoilt");
  await redis.client.zadd(keys.parkedUsers, 1, "alice");
  const id = await store.submit(alice, {});
  await redis.client.del(keys.work);
  // What comes after the search needs that list.
  await expect(removeLeftovers(context)).rejects.toThrow("WRONGTYPE");
  expect(await workIds(redis.client)).toEqual([id]);
});
