import { expect, test } from "vitest";
import {
  type Change,
  ensureGroup,
  explainTask,
  keys,
  pauseDispatch,
  readEntries,
  releaseParked,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, openStore, saveAsScheduler } from "./support.ts";

const redis = useRedis();

/** Submits a task of alice, changes it, and explains it. */
async function explain(...changes: Change[]) {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  for (const wanted of changes) await change(context, id, wanted);
  return (await explainTask(context, id, alice)) ?? { explanation: "nothing", facts: {} };
}

const sentence = async (...changes: Change[]) => (await explain(...changes)).explanation;

const inMs = (ms: number) => Date.now() + ms;

test("a task that waits knows how many wait before it", async () => {
  expect(await explain()).toMatchObject({ explanation: "waiting as the next one", facts: { ahead: 0 } });
  expect(await explain()).toMatchObject({ explanation: "waiting behind 1 other", facts: { ahead: 1 } });
  expect(await explain()).toEqual({
    explanation: "waiting behind 2 others",
    facts: { status: "pending", phase: "queued", attempts: 0, ahead: 2 },
  });
});

test("those that a dispatcher has taken are not before it any more", async () => {
  const { store, context } = openStore(redis);
  for (let count = 0; count < 10; count += 1) await store.submit(alice, {});
  const ahead = async () => (await explainTask(context, "10", alice))?.facts.ahead;
  await readEntries(redis.client, { consumer: "a", count: 4, blockMs: 0 });
  expect(await ahead()).toBe(5);
  await readEntries(redis.client, { consumer: "a", count: 5, blockMs: 0 });
  expect((await explainTask(context, "10", alice))?.explanation).toBe("waiting as the next one");
  await readEntries(redis.client, { consumer: "a", count: 5, blockMs: 0 });
  expect((await explainTask(context, "10", alice))?.explanation).toBe("waiting for a dispatcher to take it up");
});

test("a stream that was lost does not make anybody wait behind what was on it", async () => {
  for (let count = 0; count < 5; count += 1) await explain();
  await redis.client.del(keys.work);
  expect(await sentence()).toBe("waiting as the next one");
  await ensureGroup(redis.client);
  expect(await sentence()).toBe("waiting behind 1 other");
});

test("a dispatcher that has taken nothing yet changes nothing", async () => {
  await explain();
  await ensureGroup(redis.client);
  expect(await sentence()).toBe("waiting behind 1 other");
});

test.each([
  ["a pause", () => pauseDispatch(redis.client), "held: dispatch is paused"],
  ["a block of all", () => redis.client.set(keys.blocksAll, '{"blocked":true}'), "held: all requests are blocked"],
  [
    "a block of its user",
    () => redis.client.set(keys.blocksUser("alice"), '{"blocked":true}'),
    "held: requests of alice are blocked",
  ],
])("%s explains itself, before any dispatcher has met it", async (_, hold, expected) => {
  await hold();
  expect(await sentence()).toBe(expected);
});

test("a task that the scheduler or a limit holds says so", async () => {
  const { explanation, facts } = await explain({ sidecar: { hold: "Requests are blocked" } });
  expect(explanation).toBe("held: Requests are blocked");
  expect(facts).toMatchObject({ hold: "Requests are blocked" });
});

test("a failed attempt shows its cause and when the next one is", async () => {
  const { explanation, facts } = await explain({
    sidecar: { attempts: 3, tries: 3, error: "503", dueAt: inMs(11_500) },
  });
  expect(explanation).toBe("attempt 3 failed with 503, next in 12 s");
  expect(facts).toMatchObject({ attempts: 3, last_error: "503", next_in_seconds: 12 });
  expect(await sentence({ sidecar: { attempts: 3, tries: 3, error: "503" } })).toBe(
    "attempt 3 failed with 503, next at once",
  );
});

test.each<[string, Change[], string]>([
  ["being sent", [{ record: { status: "dispatching" }, sidecar: { phase: "sending" } }], "being sent to the scheduler"],
  [
    "taken",
    [{ record: { status: "dispatching" }, sidecar: { phase: "sent" } }],
    "sent, the scheduler has not started it yet",
  ],
  ["running", [{ record: { status: "running" }, sidecar: { phase: "sent" } }], "running at the scheduler"],
  [
    "run by others",
    [{ record: { status: "running" }, sidecar: { phase: "foreign" } }],
    "running: run by another program",
  ],
  [
    "run by the service that registered it",
    [{ record: { status: "running" }, sidecar: { phase: "external" } }],
    "running: run by the service that registered it",
  ],
  [
    "to be stopped by the service that registered it",
    [{ record: { status: "cancel_requested" }, sidecar: { phase: "external" } }],
    "cancel requested: the service that runs the task has not stopped yet",
  ],
  [
    "to be cancelled",
    [{ record: { status: "cancel_requested" }, sidecar: { phase: "sent", want: "cancel" } }],
    "cancel requested, not sent yet",
  ],
  [
    "being cancelled",
    [{ record: { status: "cancel_requested" }, sidecar: { phase: "sent", want: "cancel", cancelAttempts: 1 } }],
    "cancel sent, not confirmed",
  ],
  [
    "being submitted, to be cancelled then",
    [{ record: { status: "dispatching" }, sidecar: { phase: "sending", want: "cancel" } }],
    "cancel waits for the end of the submission",
  ],
  [
    "cancellation dead-lettered",
    [
      {
        record: { status: "cancel_requested" },
        sidecar: { phase: "sent", want: "cancel", dead: "cancel", error: "500" },
      },
    ],
    "cancel given up (500): an operator must look at it",
  ],
  ["completed", [{ record: { status: "completed" }, sidecar: { phase: "sent" } }], "ended: completed"],
  [
    "submission dead-lettered",
    [{ record: { status: "failed" }, sidecar: { dead: "submit", attempts: 20, error: "429" } }],
    "ended: failed, given up after 20 attempts (429)",
  ],
])("a task that is %s says so", async (_, changes, expected) => {
  expect(await sentence(...changes)).toBe(expected);
});

test("a submission of unknown fate shows its number as the log does, and when its fate is checked", async () => {
  const sidecar = { phase: "sending", attempts: 1, tries: 4, error: "504", dueAt: inMs(4500) } as const;
  expect(await sentence({ record: { status: "dispatching" }, sidecar })).toBe(
    "attempt 4 ended without a clear answer (504); its fate is checked in at least 5 s",
  );
});

test("a cancellation that failed shows its number, its cause and when the next one is", async () => {
  const sidecar = { phase: "sent", want: "cancel", cancelAttempts: 2, error: "503", dueAt: inMs(7500) } as const;
  expect(await sentence({ record: { status: "cancel_requested" }, sidecar })).toBe(
    "cancel sent, not confirmed: attempt 2 failed with 503, next in 8 s",
  );
});

test("a task that ended although its cancellation is a dead letter is not explained as one", async () => {
  const sidecar = {
    phase: "sent",
    want: "cancel",
    dead: "cancel",
    attempts: 1,
    cancelAttempts: 20,
    error: "500",
  } as const;
  expect(await sentence({ record: { status: "completed" }, sidecar })).toBe("ended: completed");
});

test("a task whose hold has ended waits like any other", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await change(context, id, { sidecar: { hold: "dispatch is paused" } });
  await releaseParked(redis.client, "alice");
  expect((await explainTask(context, id, alice))?.explanation).toMatch(/^waiting/);
});

test("a task of another program says so", async () => {
  await saveAsScheduler(redis.client, "7", { status: "running" });
  const { context } = openStore(redis);
  expect(await explainTask(context, "7", alice)).toEqual({
    explanation: "running: brought in by another program",
    facts: { status: "running", phase: "foreign" },
  });
});

test("nobody but the owner, or an operator, has a task explained; a deleted one nobody", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  expect(await explainTask(context, id, bob)).toBeUndefined();
  expect(await explainTask(context, id, { ...alice, service: "rm" })).toBeUndefined();
  expect(await explainTask(context, id, undefined)).toBeDefined();
  expect(await explainTask(context, "99", undefined)).toBeUndefined();
  await change(context, id, { remove: "hide" });
  expect(await explainTask(context, id, undefined)).toBeUndefined();
});

test("an explanation costs the same, however many tasks there are", async () => {
  const { store, context } = openStore(redis);
  const cost = async () => {
    const id = await store.submit(alice, {});
    await redis.client.config("RESETSTAT");
    expect((await explainTask(context, id, alice))?.explanation).toMatch(/^waiting/);
    const stats = await redis.client.info("commandstats");
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  };
  await Promise.all(Array.from({ length: 10 }, () => store.submit(alice, {})));
  const few = await cost();
  await Promise.all(Array.from({ length: 2000 }, () => store.submit(alice, {})));
  expect(await cost()).toBe(few);
});
