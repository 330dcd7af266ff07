import { expect, test } from "vitest";
import { canMove, createTaskStore, keys, statuses } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, contents, foreignRecord, openStore, readable, saveAsScheduler, taskIn } from "./support.ts";

const redis = useRedis();

test("50 writers at once over several connections lose no log line", async () => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  const stores = [1, 2, 3, 4, 5].map(() => openStore(redis, { primary: redis.connect() }).store);
  const messages = Array.from({ length: 50 }, (_, index) => `line ${index}`);
  const outcomes = await Promise.all(
    messages.map((message, index) => (stores[index % 5] ?? store).update(id, { logs: [message] })),
  );
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["updated"]));
  const lines = readable(await store.get(id)).logs?.map((entry) => entry.slice(entry.indexOf(",") + 1));
  expect(lines?.toSorted()).toEqual(messages.toSorted());
});

test("a writer that others always outrun fails as contended, and has written nothing", async () => {
  const { store, context } = openStore(redis);
  const id = await store.submit(alice, {});
  let writes = 0;
  const clock = () => {
    // Each try asks for the time between its read and its commit: another writer gets in there every time.
    writes += 1;
    void redis.client.set(keys.record(id), foreignRecord(id, { x: writes }));
    return context.clock();
  };
  const slow = createTaskStore({ ...context, clock });
  await expect(slow.update(id, { logs: ["mine"] })).rejects.toMatchObject({
    name: "TaskStateError",
    code: "contended",
  });
  expect(await redis.client.get(keys.record(id))).toBe(foreignRecord(id, { x: writes }));
});

test("every move is done or refused as the lifecycle has it", async () => {
  const { store } = openStore(redis);
  for (const from of statuses) {
    for (const to of statuses) {
      const raw = foreignRecord("1", { status: from });
      await redis.client.set(keys.record("1"), raw);
      const update = await store.update("1", { status: to, logs: ["moved"] });
      if (canMove(from, to)) {
        expect(update).toMatchObject({ outcome: "updated", record: { status: to } });
      } else {
        expect(update).toEqual({ outcome: "refused", from, to });
        expect(await redis.client.get(keys.record("1"))).toBe(raw);
      }
    }
  }
});

test("an ended task may get more logs and results, but no other status", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "1", { status: "failed" });
  expect(await store.update("1", { logs: ["why"], result: { launcher_output: "x" } })).toMatchObject({
    outcome: "updated",
    record: { status: "failed", result: { launcher_output: "x" } },
  });
  for (const status of ["pending", "running", "completed", "cancelled"] as const) {
    expect(await store.update("1", { status })).toEqual({ outcome: "refused", from: "failed", to: status });
  }
});

test("unknown fields and numbers survive as they were written", async () => {
  const { store } = openStore(redis);
  const raw = foreignRecord("1").replace(/\}$/, ',"x":{"n":1.0,"big":12345678901234567890,"list":[],"__proto__":{}}}');
  await redis.client.set(keys.record("1"), raw);
  await store.update("1", { status: "running", priority: "high", active_jobs: [{ name: "j" }] });
  const stored = (await redis.client.get(keys.record("1"))) ?? "";
  expect(stored).toContain('"x":{"n":1.0,"big":12345678901234567890,"list":[],"__proto__":{}}');
  expect(readable(stored)).toMatchObject({ status: "running", priority: "high", active_jobs: [{ name: "j" }] });
});

test("an update gives the record as stored, dated now", async () => {
  const { store } = openStore(redis);
  const id = await store.submit(alice, {});
  const { created_at } = readable(await store.get(id));
  const update = await store.update(id, { status: "running", logs: ["a, b"] });
  const stored = readable(await store.get(id));
  expect(update).toEqual({ outcome: "updated", record: stored });
  expect(stored.updated_at > created_at).toBe(true);
  expect(stored).toMatchObject({ created_at, logs: [`${stored.updated_at},a, b`] });
});

test("an update refreshes every lifetime that belongs to the task", async () => {
  const { store } = openStore(redis, { ttlSeconds: 1000 });
  const id = await store.submit(alice, {});
  const own = [keys.record(id), keys.metadata(id), keys.sidecar(id)];
  const names = [...own, ...(await redis.client.keys("index:*"))].sort();
  expect(names).toHaveLength(8);
  const before = await Promise.all(names.map((name) => redis.client.ttl(name)));
  for (const name of names) await redis.client.expire(name, 10);
  await store.update(id, { logs: ["still there"] });
  const after = await Promise.all(names.map((name) => redis.client.ttl(name)));
  for (const [index, seconds] of after.entries()) expect(Math.abs(seconds - (before[index] ?? 0))).toBeLessThan(5);
});

test("a task that is not there, or deleted, is not found and not restored", async () => {
  const opened = openStore(redis);
  const id = await taskIn("sent", opened);
  await opened.store.delete(id);
  const before = await contents(redis.client);
  expect(await opened.store.update(id, { status: "completed" })).toEqual({ outcome: "not_found" });
  expect(await opened.store.update("99", { status: "completed" })).toEqual({ outcome: "not_found" });
  expect(await contents(redis.client)).toEqual(before);
});
