import { test } from "vitest";
import { dispatchGroup, ensureGroup, keys, readEntries } from "../../task-state/index.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test("all that a dead dispatcher has left is taken over at once, however many places it had", async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, () => bench.submit()));
  await ensureGroup(bench.redis.client);
  const entries = await readEntries(bench.redis.client, { consumer: "dead", count: ids.length, blockMs: 0 });
  const names = entries.map(({ entryId }) => entryId);
  await bench.redis.client.xclaim(keys.work, dispatchGroup, "dead", 0, ...names, "IDLE", 60_000);
  await bench.start({ DMS_EVENT_WORKER_COUNT: "4" });
  await bench.untilStatus("running", ...ids);
  await bench.untilIdle();
});
