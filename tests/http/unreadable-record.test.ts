import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { saveAsScheduler } from "../task-state/support.ts";
import { aliceTask, aliceTasks, expectProblem, idsIn, operator, submit } from "./support.ts";

const { redis } = useService();

test.each([
  ["cut off", '{"task_id":"2","service":"sy'],
  ["empty", ""],
  ["not an object", "null"],
  ["a list", "[]"],
  ["of a status that nobody knows", '{"task_id":"2","service":"sync","user_id":"alice","status":"done"}'],
  ["of a number as id", '{"task_id":2,"service":"sync","user_id":"alice","status":"pending"}'],
])("a record that is %s is left out of lists, 404 by itself, and logged once", async (_, raw) => {
  const service = await startServiceForTest(redis.url);
  for (let count = 0; count < 3; count += 1) await submit(service);
  await redis.client.set(keys.record("2"), raw);
  for (const path of [aliceTasks, "/admin/tasks", "/admin/services/sync/tasks"]) {
    for (const query of ["", "?limit=2", "?order=desc"]) {
      const ids = idsIn(await service.get(path + query, operator));
      expect(ids.toSorted(), path + query).toEqual(["1", "3"]);
    }
  }
  expectProblem(await service.get(aliceTask("2")), 404);
  expectProblem(await service.post(aliceTask("2", "/cancel")), 404);
  expectProblem(await service.post("/admin/tasks/2/cancel", operator), 404);
  expect(await redis.client.get(keys.record("2"))).toBe(raw);
  const told = service.logs.filter(({ task }) => task === "2");
  expect(told).toMatchObject([{ level: "error", msg: expect.stringContaining("not valid") }]);
});

test("a record under a name that no index can hold breaks no list", async () => {
  const service = await startServiceForTest(redis.url);
  await submit(service);
  await saveAsScheduler(redis.client, "2", { user_id: "" });
  await redis.client.sadd(keys.service("sync"), "2");
  expect(idsIn(await service.get("/admin/services/sync/tasks", operator))).toEqual(["1"]);
  expect((await service.get("/services/sync/users")).body).toEqual({ users: ["alice"] });
});

test("members of the shared sets that are no task ids break no list", async () => {
  const service = await startServiceForTest(redis.url);
  await submit(service);
  await redis.client.sadd(keys.tasks, "x", "0", "-1", "1e3", "id:sequence");
  for (const query of ["", "?limit=5"]) {
    expect(idsIn(await service.get(`/admin/tasks${query}`, operator))).toEqual(["1"]);
  }
});
