import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  deregisterDispatcher,
  ensureGroup,
  forgetConsumers,
  keys,
  pauseDispatch,
  readDispatchState,
  readEntries,
  resumeDispatch,
  sendHeartbeat,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { change, contents, openStore } from "./support.ts";

const redis = useRedis();
const read = (count: number, consumer = "one") => readEntries(redis.client, { consumer, count, blockMs: 0 });
const state = () => readDispatchState(redis.client);

async function submit(count: number, user = "alice"): Promise<string[]> {
  const { store } = openStore(redis);
  return Promise.all(Array.from({ length: count }, () => store.submit({ service: "sync", user }, {})));
}

/** The number of commands that Redis carries out meanwhile, those of scripts included. */
async function commandsCarriedOut(action: () => Promise<unknown>): Promise<number> {
  await redis.client.config("RESETSTAT");
  await action();
  const stats = await redis.client.info("commandstats");
  return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** As many tasks in each state that is counted, with a dispatcher that has read some. */
async function populate(count: number, userOf: (index: number) => string): Promise<void> {
  const { store, context } = openStore(redis);
  const submitAll = () =>
    Promise.all(
      Array.from({ length: count }, (_, index) => store.submit({ service: "sync", user: userOf(index) }, {})),
    );
  const held = await submitAll();
  await Promise.all(held.map((id) => change(context, id, { sidecar: { hold: "x" } })));
  const delayed = await submitAll();
  await Promise.all(delayed.map((id) => change(context, id, { sidecar: { dueAt: Date.now() + 60_000 } })));
  await Promise.all(
    delayed.map((id) => change(context, id, { deadLetter: { request: "submit", attempts: 1, error: "x" } })),
  );
  await ensureGroup(redis.client);
  await read(count);
}

test("an empty Redis: everything is running and nothing is there", async () => {
  expect(await state()).toEqual({
    state: "running",
    waiting: 0,
    in_flight: 0,
    delayed: 0,
    held: 0,
    dead: 0,
    oldest_waiting_seconds: 0,
    dispatchers: [],
  });
  expect(await redis.client.keys("*")).toEqual([]);
});

test("what waits is counted before there is any dispatcher, and then less what one has taken", async () => {
  await submit(5);
  expect(await state()).toMatchObject({ waiting: 5, in_flight: 0 });
  await ensureGroup(redis.client);
  expect(await state()).toMatchObject({ waiting: 5, in_flight: 0 });
  await read(2);
  await read(1, "two");
  for (const name of ["one", "two"]) await sendHeartbeat(redis.client, name, 60_000);
  expect(await state()).toMatchObject({ waiting: 2, in_flight: 3 });
});

test("dispatchers that have sent a heartbeat lately are listed with what they are at work on, until they deregister", async () => {
  await submit(5);
  for (const name of ["one", "two", "idle", "one"]) await sendHeartbeat(redis.client, name, 60_000);
  await redis.client.zadd(keys.dispatchers, Date.now() - 60_000, "silent");
  await ensureGroup(redis.client);
  await read(2);
  await read(1, "two");
  const about = { seen_seconds_ago: expect.closeTo(0, 0) };
  const { dispatchers } = await state();
  expect(dispatchers.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: "idle", in_flight: 0, ...about },
    { name: "one", in_flight: 2, ...about },
    { name: "two", in_flight: 1, ...about },
  ]);
  for (const name of ["one", "two", "idle"]) await deregisterDispatcher(redis.client, name);
  expect((await state()).dispatchers).toEqual([]);
});

test("ages and heartbeats use the clock of Redis, whatever that of a process says", async () => {
  await sendHeartbeat(redis.client, "right", 60_000);
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
  onTestFinished(() => void vi.restoreAllMocks());
  await sendHeartbeat(redis.client, "ahead", 60_000);
  await submit(1);
  const { dispatchers, oldest_waiting_seconds } = await state();
  expect(dispatchers.map(({ name }) => name).toSorted()).toEqual(["ahead", "right"]);
  expect(oldest_waiting_seconds).toBeLessThan(10);
});

test("a dispatcher that has not asked for work for long is forgotten, unless it holds an entry", async () => {
  expect(await forgetConsumers(redis.client, 0)).toBe(0);
  await submit(1);
  expect(await forgetConsumers(redis.client, 0)).toBe(0);
  await ensureGroup(redis.client);
  await read(1, "busy");
  await redis.client.xgroup("CREATECONSUMER", keys.work, "dispatchers", "idle");
  await pause(5);
  expect(await forgetConsumers(redis.client, 60_000)).toBe(0);
  expect(await forgetConsumers(redis.client, 1)).toBe(1);
  const consumers = (await redis.client.call("XINFO", "CONSUMERS", keys.work, "dispatchers")) as unknown[][];
  expect(consumers.map(([, name]) => name)).toEqual(["busy"]);
});

test("what is delayed, held and dead-lettered is counted", async () => {
  const { context } = openStore(redis);
  const ids = await submit(6);
  const [other = ""] = await submit(1, "bob");
  await change(context, ids[0] ?? "", { sidecar: { dueAt: Date.now() + 60_000 } });
  for (const id of [ids[1] ?? "", ids[2] ?? "", other]) await change(context, id, { sidecar: { hold: "x" } });
  await change(context, ids[3] ?? "", { deadLetter: { request: "submit", attempts: 1, error: "x" } });
  expect(await state()).toMatchObject({ delayed: 1, held: 3, dead: 1 });
});

test("the oldest waiting age is that of the first entry that nobody has taken", async () => {
  await redis.client.xadd(keys.work, `${Date.now() - 90_000}-1`, "id", "1");
  await redis.client.xadd(keys.work, `${Date.now() - 30_000}-1`, "id", "2");
  expect((await state()).oldest_waiting_seconds).toBeCloseTo(90, 0);
  await ensureGroup(redis.client);
  await read(1);
  expect((await state()).oldest_waiting_seconds).toBeCloseTo(30, 0);
  await read(1);
  expect((await state()).oldest_waiting_seconds).toBe(0);
});

test("a pause is there until it is resumed, however often each is asked for", async () => {
  await pauseDispatch(redis.client);
  await pauseDispatch(redis.client);
  expect((await state()).state).toBe("paused");
  expect(await redis.client.ttl(keys.paused)).toBe(-1);
  await resumeDispatch(redis.client);
  await resumeDispatch(redis.client);
  expect((await state()).state).toBe("running");
});

test("the state costs the same, however many tasks there are", async () => {
  await populate(10, (index) => `u${index % 5}`);
  const few = await commandsCarriedOut(state);
  await redis.client.flushall();
  await populate(2000, (index) => `u${index % 5}`);
  expect(await state()).toMatchObject({ waiting: 2000, in_flight: 2000, held: 2000, delayed: 2000, dead: 2000 });
  expect(await commandsCarriedOut(state)).toBe(few);
});

test("the state costs the same, however many users' tasks are held", async () => {
  await populate(10, (index) => `u${index}`);
  const few = await commandsCarriedOut(state);
  await redis.client.flushall();
  await populate(1000, (index) => `u${index}`);
  expect(await state()).toMatchObject({ held: 1000 });
  expect(await commandsCarriedOut(state)).toBe(few);
});

test("to read the state changes nothing", async () => {
  await submit(2, "bob");
  await ensureGroup(redis.client);
  const everything = async () => [
    await contents(redis.client),
    await redis.client.call("XINFO", "STREAM", keys.work, "FULL"),
  ];
  const before = await everything();
  await state();
  expect(await everything()).toEqual(before);
});
