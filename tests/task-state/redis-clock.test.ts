import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { keys, redisClock, sendHeartbeat } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const hour = 3_600_000;

/** Has a script advance the clocks, and reads them. */
async function tick() {
  await sendHeartbeat(redis.client, "a", 1000);
  return redisClock(redis.client);
}

async function stored(): Promise<number[]> {
  return ((await redis.client.get(keys.clock)) ?? "").split(" ").map(Number);
}

/** As if Redis, or also the asking process, had seen its clock at that other time before. */
async function shift({ redis: wall = 0, witness = 0 }): Promise<void> {
  const [now, watched, seen = 0, witnessed = 0] = await stored();
  await redis.client.set(keys.clock, [now, watched, seen - wall, witnessed - witness].join(" "));
}

test("both clocks begin at Redis's time and run with it", async () => {
  const first = await tick();
  expect(Math.abs(first.now - Date.now())).toBeLessThan(1000);
  expect(first.watched).toBe(first.now);
  await pause(300);
  const second = await tick();
  for (const passed of [second.now - first.now, second.watched - first.watched]) {
    expect(passed).toBeGreaterThanOrEqual(299);
    expect(passed).toBeLessThanOrEqual(second.now - first.now);
  }
});

test.each([hour, 24 * hour, 60_000])(
  "a jump of Redis's clock by %d ms ahead counts for no more than half a second",
  async (ms) => {
    const before = await tick();
    await shift({ redis: ms });
    const after = await tick();
    expect(after.now - before.now).toBeLessThan(5000);
    expect(after.watched - before.watched).toBeLessThanOrEqual(1000);
    expect(after.watched).toBeGreaterThanOrEqual(before.watched);
  },
);

test.each([hour, 60_000])("a jump of Redis's clock by %d ms back stops neither clock", async (ms) => {
  const before = await tick();
  await shift({ redis: -ms });
  const jumped = await tick();
  expect(jumped.now).toBeGreaterThanOrEqual(before.now - 100);
  await pause(200);
  const after = await tick();
  expect(after.now - jumped.now).toBeGreaterThanOrEqual(199);
  expect(after.watched - jumped.watched).toBeGreaterThanOrEqual(199);
});

test("time in which nobody asked counts as far as the asking process has seen it pass, but is not watched", async () => {
  const before = await tick();
  await shift({ redis: 30_000, witness: 30_000 });
  const after = await tick();
  expect(after.now - before.now).toBeGreaterThanOrEqual(30_000);
  expect(after.now - before.now).toBeLessThan(35_000);
  expect(after.watched - before.watched).toBeLessThanOrEqual(1000);
});

test("a Redis that refuses writes still returns the time", async () => {
  const before = await tick();
  await redis.client.config("SET", "maxmemory", "1");
  onTestFinished(async () => void (await redis.client.config("SET", "maxmemory", "0")));
  await pause(200);
  const after = await redisClock(redis.client);
  expect(after.watched - before.watched).toBeGreaterThanOrEqual(199);
});

test("a clock that holds nonsense begins anew", async () => {
  for (const spoil of [() => redis.client.set(keys.clock, "x"), () => redis.client.sadd(keys.clock, "x")]) {
    await redis.client.del(keys.clock);
    await spoil();
    const { now } = await tick();
    expect(Math.abs(now - Date.now())).toBeLessThan(1000);
    expect(await stored()).toHaveLength(4);
  }
});

test("while the clock's key may be written but not read, nobody sets it anew", async () => {
  await tick();
  await shift({ redis: hour });
  const before = await stored();
  await redis.client.call("ACL", "SETUSER", "default", "-get");
  try {
    await expect(tick()).rejects.toThrow(/NOPERM|can't run this command/);
  } finally {
    await redis.client.call("ACL", "SETUSER", "default", "+@all");
  }
  expect(await stored()).toEqual(before);
});
