import { expect, test } from "vitest";
import { discardDeadLetter, keys, readDeadLetters, retryDeadLetter } from "../../task-state/index.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
const threeAttempts = { DMS_DISPATCH_MAX_ATTEMPTS: "3" };

const letters = async () => (await readDeadLetters(bench.redis.client, 100)).letters;

/** A task that is a dead letter after three attempts. */
async function givenUp(): Promise<string> {
  bench.scheduler.answer(() => 429);
  const id = await bench.submit();
  await bench.start(threeAttempts);
  await bench.untilStatus("failed", id);
  await bench.untilIdle();
  return id;
}

/** A running task whose cancellation is a dead letter. */
async function uncancelled(deleted = false): Promise<string> {
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? 202 : 500));
  const id = await bench.submit();
  await bench.start(threeAttempts);
  await bench.untilStatus("running", id);
  await (deleted ? bench.store.delete(id) : bench.store.cancel(id));
  await bench.until(async () => (await letters()).length === 1);
  await bench.untilIdle();
  return id;
}

test("an operator sends a failed submission again: it goes by pending to the scheduler, with all its attempts", async () => {
  const id = await givenUp();
  let seen: unknown;
  bench.scheduler.answer(async () => {
    seen = await bench.sidecar(id);
    return 202;
  });
  const retry = await retryDeadLetter(bench.context, id);
  expect(retry).toMatchObject({ outcome: "queued", raw: expect.stringContaining('"status":"pending"') });
  await bench.untilStatus("running", id);
  expect(seen).toMatchObject({ attempts: 1, tries: 1 });
  expect((await bench.messages(id)).slice(-3)).toEqual([
    "Submission is tried again by an operator",
    "Dispatching to scheduler",
    "Scheduler acknowledged submission",
  ]);
  expect(await letters()).toEqual([]);
  await bench.store.update(id, { status: "completed" });
  expect(await bench.record(id)).toMatchObject({ status: "completed" });
});

test("a submission that is sent again in vain becomes a dead letter again", async () => {
  const id = await givenUp();
  await retryDeadLetter(bench.context, id);
  await bench.untilIdle();
  await bench.untilStatus("failed", id);
  expect(bench.scheduler.ids("submit")).toHaveLength(6);
  expect(await letters()).toMatchObject([{ task_id: id, attempts: 3 }]);
});

test("a task that is a dead letter for its age is sent when an operator sends it again", async () => {
  bench.scheduler.answer(() => 503);
  const id = await bench.submit();
  await bench.start({ DMS_DISPATCH_MAX_AGE_SECONDS: "0.1" });
  await bench.untilStatus("failed", id);
  await bench.untilIdle();
  bench.scheduler.answer(() => 202);
  await retryDeadLetter(bench.context, id);
  await bench.untilIdle();
  expect(await bench.record(id)).toMatchObject({ status: "running" });
});

test("a discarded letter leaves its task failed and unsent", async () => {
  const id = await givenUp();
  const before = await bench.record(id);
  expect(await discardDeadLetter(bench.redis.client, id)).toMatchObject({ task_id: id });
  expect(await letters()).toEqual([]);
  expect(await retryDeadLetter(bench.context, id)).toEqual({ outcome: "not_found" });
  expect(await bench.record(id)).toEqual(before);
});

test("a cancellation that is a dead letter is requested again, until it is confirmed", async () => {
  const id = await uncancelled();
  bench.scheduler.answer(() => 202);
  expect(await retryDeadLetter(bench.context, id)).toMatchObject({ outcome: "queued" });
  await bench.untilStatus("cancelled", id);
  expect(bench.scheduler.ids("cancel")).toHaveLength(4);
  expect((await bench.messages(id)).slice(-2)).toEqual([
    "Cancellation is tried again by an operator",
    "Scheduler confirmed cancellation",
  ]);
  expect(await letters()).toEqual([]);
});

test("a cancellation that is a dead letter is retried when its owner asks again, whether its letter is discarded or not", async () => {
  const id = await uncancelled();
  await discardDeadLetter(bench.redis.client, id);
  bench.scheduler.answer(() => 202);
  await bench.store.cancel(id);
  await bench.untilStatus("cancelled", id);
  expect(await letters()).toEqual([]);
});

test("a deletion whose cancellation is a dead letter is completed when an operator sends it again", async () => {
  const id = await uncancelled(true);
  expect(await bench.record(id)).toMatchObject({ status: "running" });
  bench.scheduler.answer(() => 202);
  await retryDeadLetter(bench.context, id);
  await bench.until(async () => (await bench.redis.client.exists(keys.record(id))) === 0);
  expect(await letters()).toEqual([]);
});

test("a cancelled task that is a dead letter is deleted by a cancellation of its own", async () => {
  const id = await uncancelled();
  bench.scheduler.answer(() => 202);
  await bench.store.delete(id);
  await bench.until(async () => (await bench.redis.client.exists(keys.record(id))) === 0);
  expect(bench.scheduler.ids("cancel")).toHaveLength(4);
  expect(await letters()).toEqual([]);
});
