import { expect, test } from "vitest";
import { keys, type TaskRecord } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, commandsDuring, foreignRecord, openStore, piecesOf, readable } from "./support.ts";

const primary = useRedis();
/** A server that nobody replicates to: it lags by exactly what a test has not put there. */
const replica = useRedis();

/** A store with three tasks, of which the replica knows nothing yet. */
async function withTasks(count = 3) {
  const opened = openStore(primary, { primary: primary.client, replica: replica.client });
  for (let index = 0; index < count; index += 1) await opened.store.submit(alice, { index: String(index) });
  return opened;
}

async function replicate(id: string, fields: Partial<TaskRecord>): Promise<string> {
  const raw = foreignRecord(id, { ...fields, on_replica: true });
  await replica.client.set(keys.record(id), raw);
  return raw;
}

/** The ids of each read of records among commands. */
function recordsAskedIn(commands: readonly string[][]): string[][] {
  return commands
    .filter(([name, , , prefix]) => name === "evalsha" && prefix === keys.record(""))
    .map((words) => words.slice(5));
}

test("what the replica does not have yet is asked at the primary", async () => {
  const { store } = await withTasks();
  await replicate("2", { status: "completed" });
  const page = await store.page(alice, { limit: 10, order: "asc" });
  const shown = page.tasks.map(readable);
  expect(shown.map(({ task_id }) => task_id)).toEqual(["1", "2", "3"]);
  expect(shown.map(({ on_replica }) => on_replica)).toEqual([undefined, true, undefined]);
});

test.each(["pending", "dispatching", "running", "cancel_requested"] as const)(
  "a body that is %s on the replica is asked again at the primary",
  async (status) => {
    const { store } = await withTasks(1);
    await replicate("1", { status });
    await store.update("1", { status: "completed" });
    const { tasks } = await store.page({}, { limit: 10, order: "desc" });
    expect(tasks).toEqual([await primary.client.get(keys.record("1"))]);
    expect((await piecesOf(store.all({}))).flat()).toEqual(tasks);
  },
);

test.each(["completed", "failed", "cancelled"] as const)(
  "a body that is %s is taken from the replica",
  async (status) => {
    const { store } = await withTasks(2);
    const raws = [await replicate("1", { status }), await replicate("2", { status })];
    const commands = await commandsDuring(primary, async () => {
      expect((await store.page({}, { limit: 10, order: "asc" })).tasks).toEqual(raws);
    });
    expect(recordsAskedIn(commands)).toEqual([]);
  },
);

test("an ended task that is updated shows the update in lists at once, whatever the replica has", async () => {
  const { store } = await withTasks(3);
  await store.update("2", { status: "completed" });
  await replica.client.set(keys.record("2"), (await primary.client.get(keys.record("2"))) ?? "");
  await store.update("2", { logs: ["archived"], result: { launcher_output: "done" } });
  const current = await primary.client.get(keys.record("2"));
  for (const scope of [{}, { service: "sync" }, alice]) {
    expect((await store.page(scope, { limit: 10, order: "asc" })).tasks[1]).toContain("archived");
    expect(readable((await piecesOf(store.all(scope))).flat()[1])).toMatchObject(JSON.parse(current ?? ""));
  }
});

test("only the tasks in doubt are asked at the primary", async () => {
  const { store } = await withTasks(4);
  await replicate("1", { status: "failed" });
  await replicate("3", { status: "completed" });
  await replicate("4", { status: "running" });
  const commands = await commandsDuring(primary, () => store.page({}, { limit: 10, order: "asc" }));
  expect(recordsAskedIn(commands)).toEqual([["2", "4"]]);
});

test("a body that is unreadable on the replica is asked again, and reported only when the primary has no better", async () => {
  const { store, unreadable } = await withTasks(2);
  await replica.client.mset(keys.record("1"), "{", keys.record("2"), "{");
  await primary.client.set(keys.record("2"), "{");
  const { tasks } = await store.page({}, { limit: 10, order: "asc" });
  expect(tasks.map((raw) => readable(raw).task_id)).toEqual(["1"]);
  expect(unreadable).toEqual(["2"]);
});

test("a record that only the replica lacks stays in the index, one that the primary lacks leaves it", async () => {
  const { store } = await withTasks(3);
  await primary.client.del(keys.record("2"));
  await replicate("2", { status: "running" });
  const { tasks } = await store.page({}, { limit: 10, order: "asc" });
  expect(tasks.map((raw) => readable(raw).task_id)).toEqual(["1", "3"]);
  expect(await primary.client.zrange(keys.ordered(keys.tasks), "0", "-1")).toEqual(["1", "3"]);
});

test("a deleted task is gone from lists though the replica still has its ended body and its index", async () => {
  const { store } = await withTasks(2);
  await replicate("1", { status: "completed" });
  await replica.client.zadd(keys.ordered(keys.tasks), 1, "1");
  await store.delete("1", alice);
  expect((await store.page({}, { limit: 10, order: "asc" })).tasks).toHaveLength(1);
  expect(await store.get("1")).toBeUndefined();
});

test("a single task is never read from the replica", async () => {
  const { store } = await withTasks(1);
  await replicate("1", { status: "completed" });
  const commands = await commandsDuring(replica, async () => {
    expect(readable(await store.get("1", alice)).status).toBe("pending");
    await store.cancel("1");
    await store.update("1", { logs: ["x"] });
    await store.users("sync");
  });
  expect(commands).toEqual([]);
});

test("nothing is ever written to the replica", async () => {
  const { store } = await withTasks(3);
  await primary.client.del(keys.record("1"));
  const commands = await commandsDuring(replica, async () => {
    await store.page({}, { limit: 2, order: "asc" });
    await store.cancel("2");
    await store.delete("3");
    await store.repair();
  });
  expect(recordsAskedIn(commands)).toHaveLength(commands.length);
  const stats = await replica.client.info("commandstats");
  expect([...stats.matchAll(/cmdstat_(\w+)/g)].map(([, name]) => name)).not.toContain("zrem");
});
