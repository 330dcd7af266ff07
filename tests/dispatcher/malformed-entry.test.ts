import { expect, test } from "vitest";
import { keys, readDeadLetters } from "../../task-state/index.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test.each([
  ["no id", ["task", "1"]],
  ["an id of another key", ["id", "1:metadata"]],
  ["the sequence's name as id", ["id", "id:sequence"]],
  ["an empty id", ["id", ""]],
  ["a control character in the id", ["id", "a\u0085b"]],
])("an entry with %s goes to the dead letters, and the queue goes on", async (_, fields) => {
  const before = await bench.submit();
  const entryId = await bench.redis.client.xadd(keys.work, "*", ...fields);
  const after = await bench.submit();
  await bench.start({ DMS_EVENT_WORKER_COUNT: "1" });
  await bench.untilStatus("running", before, after);
  await bench.untilIdle();
  expect((await readDeadLetters(bench.redis.client, 10)).letters).toEqual([
    { task_id: entryId, request: "read", attempts: 1, error: expect.stringMatching(/\w/), at: expect.any(String) },
  ]);
  expect(bench.scheduler.ids("submit")).toEqual([before, after]);
});

test("an entry of a task that does not exist is done with, without a request", async () => {
  for (const id of ["99", "0", "007", "9".repeat(40), "abc", "-1"])
    await bench.redis.client.xadd(keys.work, "*", "id", id);
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  await bench.untilIdle();
  expect(bench.scheduler.requests).toHaveLength(1);
  expect(await bench.redis.client.exists(keys.sidecar("99"), keys.sidecar("0"), keys.sidecar("007"))).toBe(0);
});

test("blocks that another program keeps in another form block nobody", async () => {
  await bench.redis.client.sadd(keys.blocksAll, "x");
  await bench.redis.client.hset(keys.blocksUser("alice"), "blocked", "true");
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
});
