import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { dispatchGroup, ensureGroup, keys, readEntries, sendHeartbeat } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
const quick = { DMS_REQUEST_TIMEOUT_SECONDS: "1" };

test("all entries of a dead dispatcher are taken over at once, whatever its concurrency", async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, () => bench.submit()));
  await ensureGroup(bench.redis.client);
  const entries = await readEntries(bench.redis.client, { consumer: "dead", count: ids.length, blockMs: 0 });
  const names = entries.map(({ entryId }) => entryId);
  await bench.redis.client.xclaim(keys.work, dispatchGroup, "dead", 0, ...names, "IDLE", 60_000);
  await bench.start({ DMS_EVENT_WORKER_COUNT: "4" });
  await bench.untilStatus("running", ...ids);
  await bench.untilIdle();
});

/** Reads an entry for a consumer that will do nothing with it. */
async function leaveBehind(consumer: string): Promise<{ id: string; entryId: string }> {
  const id = await bench.submit();
  await ensureGroup(bench.redis.client);
  const [entry] = await readEntries(bench.redis.client, { consumer, count: 1, blockMs: 0 });
  if (!entry) throw new Error("nothing was read");
  return { id, entryId: entry.entryId };
}

test("a living dispatcher keeps its entries, however old they are, and loses them when its leases are over", async () => {
  const { id, entryId } = await leaveBehind("alive");
  await bench.redis.client.xclaim(keys.work, dispatchGroup, "alive", 0, entryId, "IDLE", 3_600_000);
  await sendHeartbeat(bench.redis.client, "alive", 600_000);
  await bench.start(quick);
  const other = await bench.submit();
  await bench.untilStatus("running", other);
  await pause(1500);
  expect((await bench.record(id)).status).toBe("pending");
  await bench.redis.client.zadd(keys.leases, 1, "alive");
  await until(async () => (await bench.record(id)).status === "running", { timeoutMs: 15_000 });
});

test("a drain waits for the end of a silent dispatcher's leases, and takes over what it has left", async () => {
  const { id } = await leaveBehind("silent");
  await sendHeartbeat(bench.redis.client, "silent", 1500);
  // Nobody has asked for a minute, as where dispatchers are woken by a schedule.
  await bench.redis.client.zrem(keys.dispatchers, "silent");
  const idle = Promise.withResolvers<void>();
  const dispatcher = await bench.start(quick, { onIdle: idle.resolve, pollInterval: 20 });
  await idle.promise;
  expect((await bench.record(id)).status).toBe("running");
  await dispatcher.stop();
});

test("what a dispatcher was given by a reply that it never got, it finds by itself", async () => {
  const { id, entryId } = await leaveBehind("other");
  await sendHeartbeat(bench.redis.client, "other", 600_000);
  await bench.start(quick);
  let holder: string | undefined;
  await until(async () => {
    [holder] = (await bench.redis.client.zrange(keys.leases, "0", "-1")).filter((name) => name !== "other");
    return holder !== undefined;
  });
  await bench.redis.client.xclaim(keys.work, dispatchGroup, holder ?? "", 0, entryId);
  await until(async () => (await bench.record(id)).status === "running", { timeoutMs: 15_000 });
  await bench.untilIdle();
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});
