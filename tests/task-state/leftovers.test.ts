import { expect, test } from "vitest";
import { commit, keys, type Owner, readView, recordMalformedEntry, removeLeftovers } from "../../task-state/index.ts";
import { PythonPeer } from "../support/python-peer.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, commandsDuring, contents, openStore, stages, taskIn, tracesOf } from "./support.ts";

const redis = useRedis();
const nothing = { requeued: 0, purged: 0, cleared: 0 };
const memory = [keys.deleted, keys.deletedOwners];

/** Deletes tasks as another frontend does, which knows nothing of our own keys. */
async function deleteElsewhere({ service, user }: Owner, ...ids: string[]): Promise<void> {
  await redis.client.del(...ids.flatMap((id) => [keys.record(id), keys.metadata(id)]));
  for (const set of [keys.tasks, keys.service(service), keys.owner({ service, user }), keys.user(user)]) {
    await redis.client.srem(set, ...ids);
  }
  await redis.client.srem(keys.users(service), user);
}

test("what lives is left as it is, in every stage, hidden or not", async () => {
  const opened = openStore(redis);
  for (const stage of stages) await taskIn(stage, opened);
  for (const stage of stages) await opened.store.delete(await taskIn(stage, opened));
  for (const stage of stages) await opened.store.cancel(await taskIn(stage, opened));
  const before = await contents(redis.client);
  expect(before[keys.deletedOwners]).toBeDefined();
  expect(await removeLeftovers(opened.context)).toEqual(nothing);
  expect(await contents(redis.client)).toEqual(before);
});

test.each(stages.filter((stage) => stage !== "foreign"))(
  "of a %s task that another program deletes nothing is left but the memory of it",
  async (stage) => {
    const opened = openStore(redis);
    const id = await taskIn(stage, opened);
    await deleteElsewhere(alice, id);
    expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 1, cleared: 0 });
    expect(await tracesOf(redis.client, id)).toEqual(memory);
    expect(await redis.client.keys("dms:order:*")).toEqual([]);
    expect(await removeLeftovers(opened.context)).toEqual(nothing);
  },
);

test.each(["cancel", "delete"] as const)("a %s that still waits goes with the record", async (verb) => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store[verb](id);
  await deleteElsewhere(alice, id);
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 1, cleared: 0 });
  expect(await tracesOf(redis.client, id)).toEqual(memory);
  expect(await redis.client.zscore(keys.deleted, id)).not.toBe("inf");
});

test("a task that a dispatcher is at work on is left to it until the lease is over", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sending", opened);
  const lease = async (ms: number) => {
    const { now } = await readView(opened.context, id);
    await change(opened.context, id, { sidecar: { lease: "somebody", leaseUntil: now + ms } });
  };
  await lease(60_000);
  await deleteElsewhere(alice, id);
  const before = await contents(redis.client);
  expect(await removeLeftovers(opened.context)).toEqual(nothing);
  expect(await contents(redis.client)).toEqual(before);
  await lease(-1);
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 1, cleared: 0 });
});

test("a dead letter goes with its task, whether its sidecar is still there or not; that of no task stays", async () => {
  const opened = openStore(redis);
  const ids = [
    await opened.store.submit(alice, {}),
    await opened.store.submit(alice, {}),
    await opened.store.submit(bob, {}),
  ];
  const deadLetter = { request: "submit", attempts: 1, error: "429" } as const;
  for (const id of ids) await change(opened.context, id, { sidecar: { dead: "submit" }, deadLetter });
  await recordMalformedEntry(redis.client, "1-1");
  const [first = "", second = "", third = ""] = ids;
  await deleteElsewhere(alice, first, second);
  await redis.client.del(keys.sidecar(first));
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 1, cleared: 1 });
  expect((await redis.client.zrange(keys.dead, "0", "-1")).sort()).toEqual(["1-1", third]);
  expect(Object.keys(await redis.client.hgetall(keys.deadLetters)).sort()).toEqual(["1-1", third]);
});

test("a hidden task of which nothing is left is remembered no longer than others", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.delete(id);
  await redis.client.del(keys.record(id), keys.metadata(id), keys.sidecar(id));
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 0, cleared: 1 });
  expect(await redis.client.zscore(keys.deleted, id)).not.toBe("inf");
  expect(await removeLeftovers(opened.context)).toEqual(nothing);
});

test("a deferred cancellation goes with its task", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.cancel(id);
  await redis.client.del(keys.record(id), keys.sidecar(id));
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 0, cleared: 1 });
  expect(await redis.client.exists(keys.deferredCancels)).toBe(0);
});

test("parked tasks that are gone are taken off, and their user when none is left, however long the block lasts", async () => {
  const opened = openStore(redis);
  const park = async (owner: Owner) => {
    const id = await opened.store.submit(owner, {});
    await change(opened.context, id, { sidecar: { hold: "blocked" }, probe: true });
    return id;
  };
  const [expired, deleted, kept, purged] = [await park(alice), await park(alice), await park(bob), await park(alice)];
  await redis.client.del(keys.record(expired), keys.sidecar(expired));
  await deleteElsewhere(alice, deleted);
  await opened.store.delete(purged);
  expect(await removeLeftovers(opened.context)).toEqual({ requeued: 0, purged: 1, cleared: 2 });
  expect(await redis.client.smembers(keys.held)).toEqual([kept]);
  expect(await redis.client.zrange(keys.parkedUsers, "0", "-1")).toEqual(["bob"]);
  expect(await redis.client.hgetall(keys.parkedPace)).toEqual({ bob: "1" });
  expect(await redis.client.exists(keys.parked("alice"))).toBe(0);
});

test("permits and names that dead dispatchers left are taken off, others stay", async () => {
  const { context, store } = openStore(redis);
  const id = await store.submit(alice, {});
  const { now } = await readView(context, id);
  await redis.client.zadd(keys.inFlight, now - 1, "dead", now + 60_000, id);
  await redis.client.zadd(keys.dispatchers, now - 60_000, "dead", now, "alive");
  expect(await removeLeftovers(context)).toEqual({ requeued: 0, purged: 0, cleared: 2 });
  expect(await redis.client.zrange(keys.inFlight, "0", "-1")).toEqual([id]);
  expect(await redis.client.zrange(keys.dispatchers, "0", "-1")).toEqual(["alive"]);
});

test("a sidecar that cannot be read is left, and keeps nothing up", async () => {
  const { context, store } = openStore(redis);
  await redis.client.set(keys.sidecar("7"), "spoilt");
  await deleteElsewhere(alice, await store.submit(alice, {}));
  expect(await removeLeftovers(context)).toEqual({ requeued: 0, purged: 1, cleared: 0 });
  expect(await redis.client.get(keys.sidecar("7"))).toBe("spoilt");
});

test("the search takes bounded steps, and asks nothing about a task that is in order", async () => {
  const { context, store } = openStore(redis);
  await Promise.all(Array.from({ length: 1000 }, () => store.submit(alice, {})));
  const commands = await commandsDuring(redis, () => removeLeftovers(context));
  // 3,000 keys in steps of 500, and one call each for what holds ids.
  expect(commands.length).toBeLessThan(25);
});

test("a search beside submissions, deletions and commits loses no task", async () => {
  const { context, store } = openStore(redis);
  const elsewhere = openStore(redis, { primary: redis.connect() }).context;
  let working = true;
  const work = async () => {
    for (let count = 0; count < 300; count += 1) {
      const id = await store.submit(alice, {});
      if (count % 3 === 0) await store.delete(id);
      else expect(await commit(context, await readView(context, id), { sidecar: { phase: "sent" } })).toBeDefined();
    }
    working = false;
  };
  const search = async () => {
    while (working) expect(await removeLeftovers(elsewhere)).toEqual(nothing);
  };
  await Promise.all([work(), search()]);
  expect(await redis.client.scard(keys.tasks)).toBe(200);
  expect(await redis.client.keys(keys.sidecar("*"))).toHaveLength(200);
});

test("a search that is aborted beforehand changes nothing", async () => {
  const { context, store } = openStore(redis);
  await deleteElsewhere(alice, await store.submit(alice, {}));
  await redis.client.zadd(keys.dispatchers, 1, "dead");
  const before = await contents(redis.client);
  expect(await removeLeftovers(context, AbortSignal.abort())).toEqual(nothing);
  expect(await contents(redis.client)).toEqual(before);
});

test("a search that is aborted on its way stops after its step, and the next one does the rest", async () => {
  const { context, store } = openStore(redis);
  const ids = await Promise.all(Array.from({ length: 1500 }, () => store.submit(alice, {})));
  await deleteElsewhere(alice, ...ids);
  const abort = new AbortController();
  const connection = redis.connect();
  const evalsha = connection.evalsha.bind(connection);
  connection.evalsha = ((...args: Parameters<typeof evalsha>) => {
    abort.abort();
    return evalsha(...args);
  }) as typeof connection.evalsha;
  const first = await removeLeftovers(openStore(redis, { primary: connection }).context, abort.signal);
  expect(first.purged).toBeLessThan(1500);
  const second = await removeLeftovers(context);
  expect(first.purged + second.purged).toBe(1500);
});

test("of a task with a name, an unreadable one and an amended one that another program deletes nothing is left", async () => {
  const { store, context } = openStore(redis);
  const peer = new PythonPeer(redis.client);
  await peer.store("demo", alice, { status: "running" });
  await store.cancel("demo");
  const [broken, amended] = [await peer.submit(alice), await peer.submit(alice, { status: "completed" })];
  await redis.client.set(keys.record(broken), "{");
  await expect(store.get(broken)).rejects.toMatchObject({ code: "unreadable" });
  await store.update(amended, { logs: ["archived"] });
  for (const id of ["demo", broken, amended]) {
    expect(await tracesOf(redis.client, id)).not.toEqual([]);
    await peer.delete(id, alice);
  }
  await removeLeftovers(context);
  await store.repair();
  // Numbers without a record are remembered for a minute, whoever took them.
  for (const id of [broken, amended]) {
    expect((await tracesOf(redis.client, id)).filter((key) => key !== keys.unwritten)).toEqual([]);
  }
  expect(await tracesOf(redis.client, "demo")).toEqual(memory);
  expect(await store.users("sync")).toEqual([]);
});
