import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { contents, tracesOf } from "../task-state/support.ts";
import { aliceTask, expectProblem, messagesOf, operator, submit, taskIn } from "./support.ts";

const service = useService();
const verbs = [
  ["GET", ""],
  ["POST", "/cancel"],
  ["DELETE", ""],
] as const;

test.each(verbs)("%s%s of another user's or service's task is 404 and changes nothing", async (method, verb) => {
  const id = await submit(service);
  const before = await contents(service.redis.client);
  for (const path of [
    `/services/sync/tasks/${id}${verb}?user_id=bob`,
    `/services/sync/tasks/${id}${verb}?user_id=Alice`,
    `/services/rm/tasks/${id}${verb}?user_id=alice`,
    `/services/rm/tasks/${id}${verb}?user_id=alice&user_id=bob`,
  ]) {
    const reply = await service.request(method, path);
    expectProblem(reply, 404);
    expect(reply.body, path).toMatchObject({ detail: "Task not found" });
  }
  expect(await contents(service.redis.client)).toEqual(before);
});

test.each(verbs)("%s%s of a task that does not exist is 404, whatever its id looks like", async (method, verb) => {
  await submit(service);
  const unlikely = [
    "2",
    "0",
    "-1",
    "01",
    "1.0",
    "1e0",
    "%201",
    "id:sequence",
    "1:metadata",
    "NaN",
    "9".repeat(17),
    "%00",
  ];
  for (const id of unlikely) {
    const reply = await service.request(method, aliceTask(id, verb));
    expectProblem(reply, 404);
    expect(reply.body, id).toMatchObject({ detail: "Task not found" });
  }
  expect(taskIn(await service.get(aliceTask("1"))).status).toBe("pending");
});

test.each(verbs)("%s%s without a user_id is 422 with a detail that names it", async (method, verb) => {
  const id = await submit(service);
  for (const query of ["", "?", "?user_id=", "?user=alice", "?USER_ID=alice", "?user_id=alice&user_id="]) {
    const reply = await service.request(method, `/services/sync/tasks/${id}${verb}${query}`);
    expectProblem(reply, 422);
    expect(reply.body, query).toMatchObject({
      detail: expect.stringContaining("user_id"),
      errors: [{ field: "user_id", message: expect.any(String) }],
    });
  }
  expect(taskIn(await service.get(aliceTask(id))).status).toBe("pending");
});

test("a cancellation is answered with the changed task, and is visible at once", async () => {
  const id = await submit(service, "?src=/a");
  const cancelled = taskIn(await service.post(aliceTask(id, "/cancel")));
  expect(["cancel_requested", "cancelled"]).toContain(cancelled.status);
  expect(messagesOf(cancelled)).toContain("Cancellation requested");
  expect(cancelled.parameters).toEqual({ src: "/a" });
  expect(taskIn(await service.get(aliceTask(id)))).toEqual(cancelled);
});

test.each(["completed", "failed", "cancelled"])("cancelling a task that is %s returns it unchanged", async (status) => {
  const id = await submit(service);
  const raw = String(await service.redis.client.get(keys.record(id))).replace('"pending"', JSON.stringify(status));
  await service.redis.client.set(keys.record(id), raw);
  const before = await contents(service.redis.client);
  expect((await service.post(aliceTask(id, "/cancel"))).text).toBe(`{"task":${raw}}`);
  expect(await contents(service.redis.client)).toEqual(before);
});

test("cancelling twice is the same as cancelling once", async () => {
  const id = await submit(service);
  const first = await service.post(aliceTask(id, "/cancel"));
  expect((await service.post(aliceTask(id, "/cancel"))).text).toBe(first.text);
});

test("a deletion is answered with the task as it was; then nobody can read it", async () => {
  const id = await submit(service, "?src=/a");
  const other = await submit(service);
  const { text } = await service.get(aliceTask(id));
  const reply = await service.delete(aliceTask(id));
  expect([reply.status, reply.text]).toEqual([200, text]);
  for (const [method, verb] of verbs) expectProblem(await service.request(method, aliceTask(id, verb)), 404);
  expect((await service.get("/services/sync/users/alice/tasks")).text).not.toContain(`"task_id":"${id}"`);
  expectProblem(await service.delete(`/admin/tasks/${id}`, operator), 404);
  expect(await tracesOf(service.redis.client, id)).toEqual(["dms:deleted", "dms:deleted:owners"]);
  expect(taskIn(await service.get(aliceTask(other))).task_id).toBe(other);
});

test("ten deletions of one task at once succeed once", async () => {
  const id = await submit(service);
  const replies = await Promise.all(Array.from({ length: 10 }, () => service.delete(aliceTask(id))));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(404)]);
});
