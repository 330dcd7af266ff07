import { expect, test } from "vitest";
import { createTaskStore, keys, type Status } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, foreignRecord, openStore, piecesOf, readable } from "./support.ts";

const redis = useRedis();
const since = "2026-11-24T05:00:00.000001+09:00";
const request = `${since},Cancellation requested`;

/** A task whose submission is under way and whose cancellation waits for that. */
async function deferred() {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, { src: "/a" });
  await change(context, id, { record: { status: "dispatching", logs: ["Sent"] }, sidecar: { phase: "sending" } });
  await change(context, id, { sidecar: { want: "cancel" }, deferCancel: since });
  return { store, context, id };
}

test("every reader sees a deferred cancellation, while the record stays as it is", async () => {
  const { store, id } = await deferred();
  const stored = readable(await redis.client.get(keys.record(id)));
  expect(stored.status).toBe("dispatching");
  const expected = {
    ...stored,
    status: "cancel_requested",
    updated_at: since,
    logs: [...(stored.logs ?? []), request],
  };
  const shown = await store.get(id, alice);
  expect(readable(shown)).toEqual(expected);
  for (const scope of [{}, { service: "sync" }, alice]) {
    expect((await store.page(scope, { limit: 1, order: "desc" })).tasks).toEqual([shown]);
    expect((await piecesOf(store.all(scope))).flat()).toEqual([shown]);
  }
});

test("a deferred cancellation is not shown to others than the owner", async () => {
  const { store, id } = await deferred();
  expect(await store.get(id, bob)).toBeUndefined();
});

test("a deferred cancellation of one task leaves the others alone", async () => {
  const { store } = await deferred();
  const other = await store.submit(alice, {});
  expect(readable(await store.get(other)).status).toBe("pending");
  const { tasks } = await store.page(alice, { limit: 10, order: "asc" });
  expect(tasks.map((raw) => readable(raw).status)).toEqual(["cancel_requested", "pending"]);
});

test("fields that nobody here knows are shown beside a deferred cancellation", async () => {
  const { store, id } = await deferred();
  await redis.client.set(keys.record(id), foreignRecord(id, { status: "running", x: 1 }).replace('"x":1', '"x":1.0'));
  expect(await store.get(id)).toMatch(/"status":"cancel_requested".*"x":1\.0/);
});

test.each<Status>(["completed", "failed", "cancelled", "cancel_requested"])(
  "a record that is %s is shown as stored in spite of a deferred cancellation",
  async (status) => {
    const { store, id } = await deferred();
    const raw = foreignRecord(id, { status });
    await redis.client.set(keys.record(id), raw);
    expect(await store.get(id)).toBe(raw);
    expect((await store.page({}, { limit: 1, order: "asc" })).tasks).toEqual([raw]);
  },
);

test("a deferred cancellation ends when it is lifted", async () => {
  const { store, context, id } = await deferred();
  await change(context, id, { deferCancel: null });
  expect(readable(await store.get(id)).status).toBe("dispatching");
  expect(await redis.client.exists(keys.deferredCancels)).toBe(0);
});

test("a purge forgets a deferred cancellation", async () => {
  const { context, id } = await deferred();
  await change(context, id, { remove: "purge" });
  expect(await redis.client.exists(keys.deferredCancels)).toBe(0);
});

test("a list never loses sight of a cancellation that moves into its record meanwhile", async () => {
  const { context, id } = await deferred();
  const record = { status: "cancel_requested", datedLogs: [request] } as const;
  // The move falls between the list's two reads, whichever of them comes first.
  const slow = redis.connect();
  const read = slow.mget.bind(slow);
  slow.mget = (async (...names: string[]) => {
    const bodies = await read(...names.flat());
    await change(context, id, { record, deferCancel: null });
    return bodies;
  }) as typeof slow.mget;
  const { tasks } = await createTaskStore({ ...context, primary: slow, replica: slow }).page(alice, {
    limit: 1,
    order: "asc",
  });
  expect(tasks.map((raw) => readable(raw).status)).toEqual(["cancel_requested"]);
});
