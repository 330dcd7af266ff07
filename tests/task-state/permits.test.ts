import { expect, test } from "vitest";
import { acquirePermit, availablePermits, type Caps, keys, releasePermit } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { alice, change, commandsDuring, openStore } from "./support.ts";

const redis = useRedis();
const none: Caps = { maxInFlight: 0, maxInFlightPerUser: 0, ratePerSecond: 0 };
const leaseMs = 60_000;
const granted = { kind: "granted" };
const full = { kind: "wait", ms: expect.any(Number) };

const acquire = (id: string, caps: Partial<Caps>, user = "alice", lease = leaseMs) =>
  acquirePermit(redis.client, id, user, { ...none, ...caps }, lease);

test("without limits every permit is granted", async () => {
  for (let id = 1; id <= 50; id += 1) expect(await acquire(String(id), {})).toEqual(granted);
});

test("no more permits are granted than there are, whatever the order", async () => {
  const caps = { maxInFlight: 2 };
  expect([await acquire("1", caps), await acquire("2", caps, "bob")]).toEqual([granted, granted]);
  expect([await acquire("3", caps), await acquire("4", caps, "carol")]).toEqual([full, full]);
});

test("a user at the limit gets that answer, others get permits", async () => {
  const caps = { maxInFlightPerUser: 1, maxInFlight: 10 };
  expect(await acquire("1", caps)).toEqual(granted);
  expect(await acquire("2", caps)).toEqual({ kind: "user_full" });
  expect(await acquire("3", caps, "bob")).toEqual(granted);
});

test("of many who ask at once over several connections as many as allowed are let through", async () => {
  const connections = [redis.client, redis.connect(), redis.connect()];
  const caps = { ...none, maxInFlight: 5 };
  const permits = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      acquirePermit(connections[index % 3] ?? redis.client, String(index), "alice", caps, leaseMs),
    ),
  );
  expect(permits.filter(({ kind }) => kind === "granted")).toHaveLength(5);
});

test("a commit releases the permit", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  const caps = { maxInFlight: 1, maxInFlightPerUser: 1 };
  await acquire(id, caps);
  expect(await acquire("99", caps, "bob")).toEqual(full);
  await change(context, id, { releasePermit: true });
  expect(await redis.client.exists(keys.inFlight, keys.inFlightOf("alice"))).toBe(0);
  expect(await acquire("99", caps, "bob")).toEqual(granted);
});

test("a purge releases the permit", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await acquire(id, { maxInFlight: 1 });
  await change(context, id, { remove: "purge" });
  expect(await redis.client.exists(keys.inFlight, keys.inFlightOf("alice"))).toBe(0);
});

test("the permit of a dispatcher that died is free when its lease expires", async () => {
  const caps = { maxInFlight: 1, maxInFlightPerUser: 1 };
  expect(await acquire("1", caps, "alice", 40)).toEqual(granted);
  expect(await acquire("2", caps)).toEqual({ kind: "user_full" });
  expect(await acquire("2", caps, "bob")).toEqual(full);
  await until(async () => (await acquire("2", caps)).kind === "granted");
});

test("a user's new tasks wait behind the parked ones, which get permits while there are any", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await change(context, id, { sidecar: { hold: "x" } });
  const caps = { ...none, maxInFlightPerUser: 1 };
  expect(await acquire("99", caps)).toEqual({ kind: "user_full" });
  expect(await acquire("98", caps, "bob")).toEqual(granted);
  expect(await acquirePermit(redis.client, id, "alice", caps, leaseMs, true)).toEqual(granted);
});

test("a task that has its permit already gets it again", async () => {
  const caps = { maxInFlight: 1, maxInFlightPerUser: 1 };
  expect(await acquire("1", caps)).toEqual(granted);
  expect(await acquire("1", caps)).toEqual(granted);
  expect(await redis.client.zcard(keys.inFlight)).toBe(1);
});

test("a permit that was not used is released", async () => {
  const caps = { maxInFlight: 1, maxInFlightPerUser: 1 };
  await acquire("1", caps);
  await releasePermit(redis.client, "1", "alice");
  await releasePermit(redis.client, "1", "alice");
  expect(await acquire("2", caps)).toEqual(granted);
});

/** Requests ten permits at once; returns how many were granted, and how long to wait for the next. */
async function exhaust(caps: Partial<Caps>): Promise<{ count: number; ms: number }> {
  const permits = await Promise.all(Array.from({ length: 10 }, () => acquire(`${Math.random()}`, caps)));
  const count = permits.findIndex(({ kind }) => kind === "wait");
  const refused = permits[count];
  if (refused?.kind !== "wait") throw new Error("ten permits were granted at once");
  return { count, ms: refused.ms };
}

test("permits are granted at the rate, and a request that is too early gets its wait", async () => {
  const caps = { ratePerSecond: 2 };
  const from = performance.now();
  const { ms } = await exhaust(caps);
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThanOrEqual(500);
  await until(async () => (await acquire("next", caps)).kind === "granted");
  expect(performance.now() - from).toBeGreaterThanOrEqual(ms - 20);
  expect(await acquire("one more", caps)).toMatchObject({ kind: "wait" });
});

test("a rate below one a second is kept too", async () => {
  const { count, ms } = await exhaust({ ratePerSecond: 0.5 });
  expect(count).toBe(1);
  expect(ms).toBeGreaterThan(1500);
  expect(await redis.client.pttl(keys.rate)).toBeGreaterThan(2000);
});

test("a pause without submissions earns no more than a start does", async () => {
  const caps = { ratePerSecond: 20 };
  const { count } = await exhaust(caps);
  await until(async () => Number(await redis.client.get(keys.rate)) + 200 < Date.now());
  expect((await exhaust(caps)).count).toBeLessThanOrEqual(count);
});

test("a request refused for a full limit does not use up the rate", async () => {
  const caps = { ratePerSecond: 1000, maxInFlight: 1 };
  await acquire("1", caps);
  const before = await redis.client.get(keys.rate);
  await acquire("2", caps);
  expect(await redis.client.get(keys.rate)).toBe(before);
});

test("to ask is one command", async () => {
  await acquire("1", { maxInFlight: 5 });
  const commands = await commandsDuring(redis, () => acquire("2", { maxInFlight: 5 }));
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
});

test("the free permits of a user are what the limit leaves", async () => {
  const caps = { ...none, maxInFlightPerUser: 3 };
  const now = Date.now();
  expect(await availablePermits(redis.client, "alice", none, now)).toBeUndefined();
  expect(await availablePermits(redis.client, "alice", caps, now)).toBe(3);
  await acquire("1", caps);
  await acquire("2", caps);
  expect(await availablePermits(redis.client, "alice", caps, now)).toBe(1);
  expect(await availablePermits(redis.client, "alice", { ...caps, maxInFlightPerUser: 1 }, now)).toBe(0);
  expect(await availablePermits(redis.client, "alice", caps, now + 2 * leaseMs)).toBe(3);
});
