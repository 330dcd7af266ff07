import { expect, test } from "vitest";
import { keys, readView, type TaskRecord } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, contents, foreignRecord, openStore, readable, taskIn, workIds } from "./support.ts";

const redis = useRedis();
const request = expect.stringMatching(/^[^,]{32},Cancellation requested$/);

test("a queued task is cancelled at once, and nothing of it is due any more", async () => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  await change(opened.context, id, { sidecar: { dueAt: Date.now() + 60_000, hold: "blocked" } });
  const shown = readable(await opened.store.cancel(id, alice));
  expect(shown.status).toBe("cancelled");
  expect(shown.logs).toEqual([request, expect.stringMatching(/,Cancelled before it was submitted$/)]);
  expect(shown.logs?.[0]?.split(",")[0]).toBe(shown.updated_at);
  expect(await opened.store.get(id)).toBe(JSON.stringify(shown));
  expect(await redis.client.zscore(keys.due, id)).toBeNull();
  const { sidecar } = await readView(opened.context, id);
  expect(sidecar).not.toHaveProperty("dueAt");
  expect(sidecar).not.toHaveProperty("hold");
});

test.each<[string, Partial<TaskRecord>]>([
  ["has moved on", { status: "running" }],
  ["runs a job of", { active_jobs: ["sync-1"] }],
])("a queued task that another program %s is cancelled by way of the dispatcher", async (_, fields) => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  await redis.client.set(keys.record(id), foreignRecord(id, fields));
  expect(readable(await opened.store.cancel(id)).status).toBe("cancel_requested");
  expect((await readView(opened.context, id)).sidecar).toMatchObject({ want: "cancel" });
});

test("a task that is being sent is shown as cancel_requested, while its record stays for the scheduler", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sending", opened);
  const before = await readView(opened.context, id);
  const entries = await workIds(redis.client);
  const shown = await opened.store.cancel(id, alice);
  expect(readable(shown)).toMatchObject({ status: "cancel_requested", logs: [request] });
  expect(await opened.store.get(id, alice)).toBe(shown);
  const after = await readView(opened.context, id);
  expect(after.raw).toBe(before.raw);
  expect(after.sidecar).toMatchObject({ ...before.sidecar, want: "cancel", rev: (before.sidecar?.rev ?? 0) + 1 });
  expect(after.sidecar?.wantedAt).toBe(readable(shown).updated_at);
  expect(await redis.client.zscore(keys.due, id)).toBe(String(after.sidecar?.dueAt));
  expect(await workIds(redis.client)).toEqual([...entries, id]);
});

test.each(["doubtful", "sent", "foreign"] as const)(
  "a %s task becomes cancel_requested, and the dispatcher gets an entry at once",
  async (stage) => {
    const opened = openStore(redis);
    const id = await taskIn(stage, opened);
    const before = await readView(opened.context, id);
    const entries = await workIds(redis.client);
    const shown = await opened.store.cancel(id, alice);
    expect(readable(shown)).toMatchObject({ status: "cancel_requested", logs: [request] });
    const { raw, sidecar } = await readView(opened.context, id);
    expect(raw).toBe(shown);
    expect(sidecar).toMatchObject({ service: "sync", user: "alice", want: "cancel" });
    expect(sidecar?.phase).toBe(before.sidecar?.phase ?? "foreign");
    expect(sidecar).not.toHaveProperty("dueAt");
    expect(await redis.client.zscore(keys.due, id)).toBeNull();
    expect(await workIds(redis.client)).toEqual([...entries, id]);
    expect(await redis.client.ttl(keys.sidecar(id))).toBeGreaterThan(7_776_000 + 3500);
  },
);

test("a registered task becomes cancel_requested for its service to see, and no other process is notified", async () => {
  const opened = openStore(redis);
  const id = await taskIn("registered", opened);
  const { sidecar } = await readView(opened.context, id);
  const shown = await opened.store.cancel(id, alice);
  expect(readable(shown)).toMatchObject({ status: "cancel_requested", logs: [request] });
  expect(await readView(opened.context, id)).toMatchObject({ raw: shown, sidecar });
  expect(await workIds(redis.client)).toEqual([]);
  expect(await opened.store.update(id, { status: "running" })).toMatchObject({ outcome: "refused" });
  expect(await opened.store.update(id, { status: "cancelled" })).toMatchObject({ outcome: "updated" });
});

test("a registered task with jobs at the scheduler is cancelled there", async () => {
  const opened = openStore(redis);
  const id = await taskIn("registered", opened);
  await opened.store.update(id, { status: "running", active_jobs: ["index-1"] });
  await opened.store.cancel(id, alice);
  expect((await readView(opened.context, id)).sidecar).toMatchObject({ phase: "external", want: "cancel" });
  expect(await workIds(redis.client)).toEqual([id]);
});

test.each(["queued", "doubtful", "sending", "sent", "registered", "foreign"] as const)(
  "a %s task is cancelled once: asking again shows the same and changes nothing",
  async (stage) => {
    const opened = openStore(redis);
    const id = await taskIn(stage, opened);
    const first = await opened.store.cancel(id, alice);
    const before = await contents(redis.client);
    expect(await opened.store.cancel(id, alice)).toBe(first);
    expect(await opened.store.cancel(id)).toBe(first);
    expect(await contents(redis.client)).toEqual(before);
  },
);

test.each(["completed", "failed", "cancelled"] as const)(
  "a task that is %s is returned as stored and nothing happens",
  async (status) => {
    const opened = openStore(redis);
    const id = await taskIn("sent", opened);
    const raw = foreignRecord(id, { status, x: 1 });
    await redis.client.set(keys.record(id), raw);
    const before = await contents(redis.client);
    expect(await opened.store.cancel(id, alice)).toBe(raw);
    expect(await contents(redis.client)).toEqual(before);
  },
);

test("a task that is not the caller's is neither shown nor cancelled", async () => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  const before = await contents(redis.client);
  expect(await opened.store.cancel(id, bob)).toBeUndefined();
  expect(await opened.store.cancel("99", alice)).toBeUndefined();
  expect(await contents(redis.client)).toEqual(before);
});

test("a cancellation that a whole-record rewrite has undone may be asked for again", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  const running = foreignRecord(id, { status: "running" });
  await opened.store.cancel(id);
  await redis.client.set(keys.record(id), running);
  const entries = await workIds(redis.client);
  expect(readable(await opened.store.cancel(id)).status).toBe("cancel_requested");
  expect(await workIds(redis.client)).toEqual([...entries, id]);
});

test("the requested cancellation outlives a rewrite that undoes the status", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.cancel(id);
  await redis.client.set(keys.record(id), foreignRecord(id, { status: "running" }));
  expect((await readView(opened.context, id)).sidecar).toMatchObject({ want: "cancel" });
});

test("a cancellation that another program asked for is passed on without a second log entry", async () => {
  const opened = openStore(redis);
  const id = await taskIn("foreign", opened);
  await redis.client.set(keys.record(id), foreignRecord(id, { status: "cancel_requested", logs: ["t,theirs"] }));
  const shown = readable(await opened.store.cancel(id, alice));
  expect(shown).toMatchObject({ status: "cancel_requested", logs: ["t,theirs"] });
  expect((await readView(opened.context, id)).sidecar).toMatchObject({ phase: "foreign", want: "cancel" });
  expect(await workIds(redis.client)).toEqual([id]);
});

test("20 cancellations at once leave one request in the log", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  const stores = [1, 2, 3, 4].map(() => openStore(redis, { primary: redis.connect() }).store);
  const shown = await Promise.all(stores.flatMap((store) => Array.from({ length: 5 }, () => store.cancel(id, alice))));
  expect(new Set(shown)).toEqual(new Set([await opened.store.get(id)]));
  expect(readable(shown[0]).logs).toEqual([request]);
});
