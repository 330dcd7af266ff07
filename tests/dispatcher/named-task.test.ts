import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { PythonPeer } from "../support/python-peer.ts";
import { alice, tracesOf } from "../task-state/support.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test("a running task with a name is cancelled at the scheduler under that name", async () => {
  await new PythonPeer(bench.redis.client).store("demo", alice, { status: "running", active_jobs: ["sync-demo"] });
  await bench.start();
  expect(await bench.store.cancel("demo", alice)).toContain('"status":"cancel_requested"');
  await bench.untilStatus("cancelled", "demo");
  expect(bench.scheduler.requests).toMatchObject([
    { kind: "cancel", body: { task_id: "demo", service: "sync", user_id: "alice" } },
  ]);
});

test("a running task with a name that is deleted is cancelled first, and then nothing of it is left", async () => {
  await new PythonPeer(bench.redis.client).store("demo", alice, { status: "running" });
  await bench.start();
  expect(await bench.store.delete("demo", alice)).toBeDefined();
  expect(await bench.store.get("demo")).toBeUndefined();
  await bench.until(async () => (await bench.redis.client.exists(keys.record("demo"))) === 0);
  expect(bench.scheduler.requests.map(({ kind }) => kind)).toEqual(["cancel"]);
  await bench.untilIdle();
  expect(await tracesOf(bench.redis.client, "demo")).toEqual([keys.deleted, keys.deletedOwners]);
});

test("a pending task with a name that nobody has submitted is never submitted by us", async () => {
  await new PythonPeer(bench.redis.client).store("demo", alice);
  await bench.start();
  await bench.untilStatus("running", await bench.submit());
  await bench.store.repair();
  await bench.untilIdle();
  expect(bench.scheduler.requests.map(({ id }) => id)).toEqual(["1"]);
});
