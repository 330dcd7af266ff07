import { expect, test, vi } from "vitest";
import { keys, readDeadLetters, readView, recordMalformedEntry, retryDeadLetter } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, contents, foreignRecord, openStore, readable, workIds } from "./support.ts";

const redis = useRedis();

/** A task whose submission is a dead letter. */
async function failed() {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, { src: "/a" });
  await redis.client.del(keys.work);
  await change(context, id, {
    record: { status: "failed", logs: ["Submission failed after 20 attempts: 429"] },
    sidecar: { dead: "submit", attempts: 20, tries: 33, error: "429", dueAt: 5 },
    deadLetter: { request: "submit", attempts: 20, error: "429" },
  });
  return { store, context, id };
}

/** A task whose cancellation is a dead letter. */
async function uncancelled() {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await redis.client.del(keys.work);
  await change(context, id, {
    record: { status: "cancel_requested" },
    sidecar: { phase: "sent", want: "cancel", dead: "cancel", attempts: 1, cancelAttempts: 20, error: "500" },
    deadLetter: { request: "cancel", attempts: 20, error: "500" },
  });
  return { store, context, id };
}

test("a failed submission goes back to pending, with its attempts anew, and is enqueued in the same step", async () => {
  const { context, id } = await failed();
  const before = await readView(context, id);
  const retry = await retryDeadLetter(context, id);
  const { raw, sidecar, record } = await readView(context, id);
  expect(retry).toEqual({ outcome: "queued", raw });
  expect(record).toMatchObject({
    ...before.record,
    status: "pending",
    updated_at: expect.any(String),
    logs: expect.any(Array),
  });
  expect(record?.logs).toEqual([
    ...(before.record?.logs ?? []),
    expect.stringMatching(/^[^,]{32},Submission is tried again by an operator$/),
  ]);
  expect(sidecar).toMatchObject({ phase: "queued", attempts: 0 });
  for (const field of ["dead", "error", "tries", "dueAt"]) expect(sidecar).not.toHaveProperty(field);
  expect(await workIds(redis.client)).toEqual([id]);
  expect(await redis.client.exists(keys.dead, keys.deadLetters, keys.due)).toBe(0);
});

test("what an earlier run has left is no sign of the one to come", async () => {
  const { context, id } = await failed();
  await change(context, id, {
    record: { active_jobs: ["sync-1"], result: { pod_status: "Failed", launcher_output: "x" } },
    sidecar: { foreignLogs: 0 },
  });
  await retryDeadLetter(context, id);
  const { record, sidecar } = await readView(context, id);
  expect(record).toMatchObject({ active_jobs: [], result: { pod_status: null, launcher_output: null } });
  expect(sidecar).not.toHaveProperty("foreignLogs");
});

test("a cancellation is requested again, and the status stays", async () => {
  const { context, id } = await uncancelled();
  expect(await retryDeadLetter(context, id)).toMatchObject({ outcome: "queued" });
  const { record, sidecar } = await readView(context, id);
  expect(record).toMatchObject({ status: "cancel_requested" });
  expect(record?.logs?.at(-1)).toMatch(/,Cancellation is tried again by an operator$/);
  expect(sidecar).toMatchObject({ want: "cancel", cancelAttempts: 0, attempts: 1 });
  expect(sidecar).not.toHaveProperty("dead");
  expect(await workIds(redis.client)).toEqual([id]);
});

test.each(["completed", "cancelled", "running", "pending"] as const)(
  "a submission whose task is %s by now is not sent again",
  async (status) => {
    const { context, id } = await failed();
    await redis.client.set(keys.record(id), foreignRecord(id, { status }));
    const before = await contents(redis.client);
    expect(await retryDeadLetter(context, id)).toEqual({ outcome: "not_retryable", status });
    expect(await contents(redis.client)).toEqual(before);
  },
);

test.each(["completed", "failed", "cancelled"] as const)(
  "a cancellation whose task is %s by now is not sent again",
  async (status) => {
    const { context, id } = await uncancelled();
    await redis.client.set(keys.record(id), foreignRecord(id, { status }));
    const before = await contents(redis.client);
    expect(await retryDeadLetter(context, id)).toEqual({ outcome: "not_retryable", status });
    expect(await contents(redis.client)).toEqual(before);
  },
);

test("no letter, or none of a task that is still there: not found", async () => {
  const { context, id } = await failed();
  expect(await retryDeadLetter(context, "99")).toEqual({ outcome: "not_found" });
  await redis.client.del(keys.record(id));
  expect(await retryDeadLetter(context, id)).toEqual({ outcome: "not_found" });
});

test("a malformed entry cannot be sent again", async () => {
  const { context } = openStore(redis);
  await recordMalformedEntry(redis.client, "5-1");
  expect(await retryDeadLetter(context, "5-1")).toEqual({ outcome: "no_task" });
  expect((await readDeadLetters(redis.client, 10)).letters).toHaveLength(1);
});

test("a failed task without a letter stays ended", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  await store.update(id, { status: "failed" });
  const before = await contents(redis.client);
  expect(await retryDeadLetter(context, id)).toEqual({ outcome: "not_found" });
  expect(await store.update(id, { status: "pending" })).toMatchObject({ outcome: "refused" });
  expect(await contents(redis.client)).toEqual(before);
});

test("ten operators at once send a letter again once", async () => {
  const { context, id } = await failed();
  const retries = await Promise.all(Array.from({ length: 10 }, () => retryDeadLetter(context, id)));
  expect(retries.filter(({ outcome }) => outcome === "queued")).toHaveLength(1);
  for (const { outcome } of retries) expect(["queued", "removed", "not_found"]).toContain(outcome);
  expect(await workIds(redis.client)).toEqual([id]);
  const { logs = [] } = readable(await redis.client.get(keys.record(id)));
  expect(logs.filter((entry) => entry.endsWith("by an operator"))).toHaveLength(1);
});

test.each([
  ["submission", failed],
  ["cancellation", uncancelled],
])("a retry of a %s that another one overtakes says so, and changes nothing", async (_, prepare) => {
  const { context, id } = await prepare();
  const slow = redis.connect();
  const read = slow.hget.bind(slow);
  let overtaken: Record<string, unknown> | undefined;
  // The other retry comes after this one has read the letter.
  vi.spyOn(slow, "hget").mockImplementationOnce(async (key, field) => {
    const letter = await read(key, field);
    expect(await retryDeadLetter(context, id)).toMatchObject({ outcome: "queued" });
    overtaken = await contents(redis.client);
    return letter;
  });
  expect(await retryDeadLetter(openStore(redis, { primary: slow }).context, id)).toEqual({ outcome: "removed" });
  expect(overtaken).toBeDefined();
  expect(await contents(redis.client)).toEqual(overtaken);
});
