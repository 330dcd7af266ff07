import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Claim,
  claim,
  commit,
  createFastPath,
  createTaskStore,
  type FastPath,
  keys,
  type Owner,
  type Parameters,
  readEntries,
  readView,
  type Sidecar,
  type TaskStateContext,
  trimAcknowledged,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, contents, foreignRecord, openStore, readable, workIds } from "./support.ts";

const redis = useRedis();
const leaseMs = 60_000;

const begin = {
  record: { status: "dispatching", logs: ['Sent "now", 100 % \\ sure'] },
  sidecar: { phase: "sending", attempts: 1, tries: 1, foreignLogs: 0, checkAt: 5000 },
} as const;
const finish = {
  record: { status: "running", logs: ["Taken"] },
  sidecar: { phase: "sent", checkAt: null, foreignLogs: null, lease: null, leaseUntil: null },
} as const;

/** A store whose clock tells these times in turn, and the last one for ever. */
function openAt(...times: string[]) {
  const clock = () => (times.length > 1 ? times.shift() : times[0]) ?? "";
  const context: TaskStateContext = { ...openStore(redis).context, clock };
  return { store: createTaskStore(context), context };
}

async function claimOne(context: TaskStateContext, fastPath?: FastPath): Promise<Claim> {
  const entries = await readEntries(redis.client, { consumer: "a", count: 10, blockMs: 0 });
  const {
    claimed: [claimed],
  } = await claim(context, entries, { holder: "a", leaseMs, begin: fastPath?.begin });
  if (!claimed) throw new Error("not claimed");
  return claimed;
}

/** A task as the library and as Redis has it, without what counts revisions and time. */
async function stored(context: TaskStateContext, id: string) {
  const { raw, sidecar } = await readView(context, id);
  const lifetimes = [keys.record(id), keys.metadata(id), keys.sidecar(id)].map((key) => redis.client.ttl(key));
  const { rev: _rev, since: _since, ...fields }: Partial<Sidecar> = sidecar ?? {};
  return { raw, fields, lifetimes: (await Promise.all(lifetimes)).map((seconds) => Math.round(seconds / 60)) };
}

const nasty = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom(
    'x","status":"pending","parameters":{',
    '","logs":[],"result":{"pod_status":null,"launcher_output":null},"priority":"low","active_jobs":[]}',
    '"updated_at":"',
    "%d %1 \\u0000 \u0000",
    "pending",
  ),
);
const owners = fc.record({ service: fc.constantFrom("sync", "cp"), user: nasty.filter((user) => user !== "") });
const parameters = fc.dictionary(fc.oneof(nasty, fc.constantFrom("status", "updated_at", "logs", "__proto__")), nasty);

test("the fast path leaves what commits of the same changes leave, whatever the task", async () => {
  await fc.assert(
    fc.asyncProperty(owners, parameters, fc.boolean(), async (owner: Owner, given: Parameters, traced) => {
      await redis.client.flushall();
      const options = traced ? { trace: "00-1-2-01", request: "a-request" } : {};
      const times = ["2026-11-24T05:00:00.000001+09:00", "2026-11-24T05:00:00.000002+09:00"];

      const long = openAt("2026-11-24T05:00:00.000000+09:00", ...times);
      const first = await long.store.submit(owner, given, options);
      const { view } = await claimOne(long.context);
      const begun = await commit(long.context, view, {
        ...begin,
        sidecar: { ...begin.sidecar, checkAt: view.now + begin.sidecar.checkAt },
      });
      const meanwhile = await stored(long.context, first);
      if (!begun || !(await commit(long.context, begun, finish))) throw new Error("not committed");
      const afterwards = await stored(long.context, first);

      await redis.client.flushall();
      const short = openAt("2026-11-24T05:00:00.000000+09:00", ...times);
      const fastPath = createFastPath(short.context, begin, finish);
      const second = await short.store.submit(owner, given, options);
      const claimed = await claimOne(short.context, fastPath);
      const plain = !/["\\]/.test(JSON.stringify(owner.user).slice(1, -1));
      expect(claimed.begunAt).toBe(plain ? times[0] : undefined);
      if (!plain) return;
      const { checkAt, leaseUntil, ...rest } = meanwhile.fields;
      expect(await stored(short.context, second)).toMatchObject({ raw: meanwhile.raw, fields: rest });
      expect(claimed.view).toMatchObject({ raw: meanwhile.raw, sidecar: rest });
      expect(claimed.view.sidecar).toEqual((await readView(short.context, second)).sidecar);
      expect([claimed.view.sidecar?.checkAt, claimed.view.sidecar?.leaseUntil]).toEqual([
        claimed.view.now + 5000,
        claimed.view.now + leaseMs,
      ]);
      expect([checkAt, leaseUntil]).not.toContain(undefined);
      expect(await fastPath.finish(claimed)).toBeUndefined();
      expect(await stored(short.context, second)).toEqual(afterwards);
    }),
    { numRuns: 60 },
  );
});

test("a finished task's entry is acknowledged, and the sets that hold it live on", async () => {
  const { store, context } = openStore(redis, { ttlSeconds: 1000 });
  const fastPath = createFastPath(context, begin, finish);
  const id = await store.submit(alice, {});
  const claimed = await claimOne(context, fastPath);
  const sets = [keys.tasks, keys.service("sync"), keys.users("sync"), keys.owner(alice), keys.user("alice")];
  for (const set of sets) await redis.client.expire(set, 5);
  expect(await fastPath.finish(claimed)).toBeUndefined();
  for (const set of sets) expect(await redis.client.ttl(set)).toBeGreaterThan(990);
  expect(readable(await store.get(id)).status).toBe("running");
  await trimAcknowledged(redis.client);
  expect(await workIds(redis.client)).toEqual([]);
});

test.each([
  ["a pause", () => redis.client.set(keys.paused, "since")],
  ["a block of all", () => redis.client.set(keys.blocksAll, '{"blocked":true,"blocked_users":[]}')],
  ["a list of blocked users", () => redis.client.set(keys.blocksAll, '{"blocked":false,"blocked_users":["x"]}')],
  ["a block of its user", () => redis.client.set(keys.blocksUser("alice"), '{"blocked":true}')],
  ["a deletion", () => redis.client.zadd(keys.deleted, "+inf", "1")],
  ["an attempt", () => redis.client.hset(keys.sidecar("1"), "tries", 1)],
  ["another phase", () => redis.client.hset(keys.sidecar("1"), "phase", "external")],
  ["a record of another program's", () => redis.client.set(keys.record("1"), foreignRecord("1"))],
  ["a record with a field more", () => edit((record) => ({ ...record, more: 1 }))],
  ["a record with a log entry", () => edit((record) => ({ ...record, logs: ["t,x"] }))],
  ["a record of high priority", () => edit((record) => ({ ...record, priority: "high" }))],
  ["a record that is running", () => edit((record) => ({ ...record, status: "running" }))],
  ["a record that hides its status", () => edit(({ status, ...rest }) => ({ ...rest, status }))],
])("%s keeps a claim from beginning the task, which is claimed all the same", async (_, meddle) => {
  const { store, context } = openStore(redis);
  await store.submit(alice, {});
  await meddle();
  const raw = await redis.client.get(keys.record("1"));
  const claimed = await claimOne(context, createFastPath(context, begin, finish));
  expect(claimed.begunAt).toBeUndefined();
  expect(claimed.view).toMatchObject({ raw, sidecar: { lease: "a", rev: 2 } });
  expect(claimed.view.sidecar).not.toHaveProperty("checkAt");
  expect(await redis.client.get(keys.record("1"))).toBe(raw);
});

async function edit(next: (record: Record<string, unknown>) => object): Promise<void> {
  const record = JSON.parse((await redis.client.get(keys.record("1"))) ?? "{}");
  await redis.client.set(keys.record("1"), JSON.stringify(next(record)));
}

test("blocks that hold nobody, or are no blocks, keep no claim from beginning", async () => {
  const { store, context } = openStore(redis);
  await redis.client.set(keys.blocksAll, '{"blocked":false,"blocked_users":[]}');
  await redis.client.set(keys.blocksUser("alice"), "nonsense");
  await store.submit(alice, {});
  const claimed = await claimOne(context, createFastPath(context, begin, finish));
  expect(claimed.begunAt).toBeDefined();
  expect(claimed.hold).toBeUndefined();
});

test.each([
  ["the scheduler has moved the record on", () => edit((record) => ({ ...record, status: "running" }))],
  ["somebody has written into its log", () => edit((record) => ({ ...record, logs: ["t,x"] }))],
  ["its record is gone", () => redis.client.del(keys.record("1"))],
  ["its sidecar is gone", () => redis.client.del(keys.sidecar("1"))],
  ["its sidecar has another revision", () => redis.client.hincrby(keys.sidecar("1"), "rev", 1)],
])("nothing is finished when %s", async (_, meddle) => {
  const { store, context } = openStore(redis);
  const fastPath = createFastPath(context, begin, finish);
  await store.submit(alice, {});
  const claimed = await claimOne(context, fastPath);
  await meddle();
  const before = await contents(redis.client);
  const { now, watched: _watched, ...left } = (await fastPath.finish(claimed)) ?? claimed.view;
  expect(await readView(context, "1")).toMatchObject(left);
  expect(now).toBeGreaterThanOrEqual(claimed.view.now);
  expect(await contents(redis.client)).toEqual(before);
});

test("a claim that has begun nothing is given back as it is", async () => {
  const { store, context } = openStore(redis);
  await store.submit(alice, {});
  const claimed = await claimOne(context);
  expect(await createFastPath(context, begin, finish).finish(claimed)).toBe(claimed.view);
});

test("a task whose keys another program replaced fails alone", async () => {
  const { store, context } = openStore(redis);
  const fastPath = createFastPath(context, begin, finish);
  const ids = [await store.submit(alice, {}), await store.submit(alice, {})];
  const entries = await readEntries(redis.client, { consumer: "a", count: 10, blockMs: 0 });
  const { claimed: claims } = await claim(context, entries, { holder: "a", leaseMs, begin: fastPath.begin });
  await redis.client.del(keys.record("1"));
  await redis.client.sadd(keys.record("1"), "x");
  const [unreadable, whole] = await Promise.allSettled(claims.map((claimed) => fastPath.finish(claimed)));
  expect(unreadable).toMatchObject({
    status: "fulfilled",
    value: { unreadable: expect.stringContaining("Redis type") },
  });
  expect(whole).toEqual({ status: "fulfilled", value: undefined });
  expect((await readView(context, ids[1] ?? "")).sidecar).toMatchObject({ phase: "sent" });
});

test("the commits of one turn are one command, and an unreadable task fails alone", async () => {
  const { store, context } = openStore(redis);
  const ids = await Promise.all([1, 2, 3].map(() => store.submit(alice, {})));
  const views = await Promise.all(ids.map((id) => readView(context, id)));
  await redis.client.del(keys.due);
  await redis.client.set(keys.due, "not a sorted set");
  const results = await Promise.allSettled([
    commit(context, views[0] as (typeof views)[0], { sidecar: { phase: "sent" } }),
    commit(context, views[1] as (typeof views)[0], { sidecar: { dueAt: 5 } }),
    commit(context, views[2] as (typeof views)[0], { record: { status: "running" } }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await readView(context, "1")).sidecar).toMatchObject({ phase: "sent" });
  expect((await readView(context, "3")).record).toMatchObject({ status: "running" });
});

test("a text with half a surrogate pair is stored like any other", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  const done = await change(context, id, { sidecar: { error: "\ud83d broken \\ud83d", dueAt: 1_800_000_000_000 } });
  expect(done.sidecar?.rev).toBe(2);
  expect((await readView(context, id)).sidecar).toMatchObject({
    error: "\ufffd broken \\ud83d",
    dueAt: 1_800_000_000_000,
  });
});
