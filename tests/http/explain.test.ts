import { expect, test } from "vitest";
import { createContext, keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { change } from "../task-state/support.ts";
import { aliceTask, expectProblem, operator, submit } from "./support.ts";

const service = useService();

test("a task is explained to its owner and to an operator in the same words", async () => {
  await submit(service);
  const id = await submit(service);
  const reply = await service.get(aliceTask(id, "/explain"));
  expect([reply.status, reply.body]).toEqual([
    200,
    {
      task_id: id,
      explanation: "waiting behind 1 other",
      facts: { status: "pending", phase: "queued", attempts: 0, ahead: 1 },
    },
  ]);
  expect((await service.get(`/admin/tasks/${id}/explain`, operator)).body).toEqual(reply.body);
});

test("an explanation follows the task", async () => {
  const id = await submit(service);
  const explanation = async () => (await service.get(aliceTask(id, "/explain"))).body;
  await service.post("/admin/dispatch/pause", operator);
  expect(await explanation()).toMatchObject({ explanation: "held: dispatch is paused" });
  await service.post("/admin/dispatch/resume", operator);
  await service.redis.client.set(keys.blocksUser("alice"), '{"blocked":true}');
  expect(await explanation()).toMatchObject({ explanation: "held: requests of alice are blocked" });
  await service.redis.client.del(keys.blocksUser("alice"));
  const context = createContext({ primary: service.redis.client });
  await change(context, id, { sidecar: { attempts: 3, tries: 3, error: "503", dueAt: Date.now() + 11_900 } });
  expect(await explanation()).toMatchObject({
    explanation: "attempt 3 failed with 503, next in 12 s",
    facts: { attempts: 3, last_error: "503", next_in_seconds: 12 },
  });
  await service.post(aliceTask(id, "/cancel"));
  expect(await explanation()).toMatchObject({ explanation: "ended: cancelled", facts: { status: "cancelled" } });
});

test("the explanation of an ended task contains no time of a next check", async () => {
  const id = await submit(service);
  const context = createContext({ primary: service.redis.client });
  await change(context, id, { sidecar: { phase: "sent", dueAt: Date.now() - 1 }, record: { status: "completed" } });
  expect((await service.get(aliceTask(id, "/explain"))).body).not.toHaveProperty("facts.next_in_seconds");
});

test.each(["/explain?user_id=bob", "/explain?user_id="])("%s of alice's task is not answered", async (path) => {
  const id = await submit(service);
  const reply = await service.get(`/services/sync/tasks/${id}${path}`);
  expectProblem(reply, path.endsWith("bob") ? 404 : 422);
});

test("a wrong service, a wrong id and a deleted task are 404; no user is 422", async () => {
  const id = await submit(service);
  expectProblem(await service.get(`/services/rm/tasks/${id}/explain?user_id=alice`), 404);
  expectProblem(await service.get(`/services/sync/tasks/${id}/explain`), 422);
  for (const wrong of ["99", "0", "abc", "1:metadata", "id:sequence"]) {
    expectProblem(await service.get(aliceTask(wrong, "/explain")), 404);
    expectProblem(await service.get(`/admin/tasks/${wrong}/explain`, operator), 404);
  }
  await service.delete(aliceTask(id));
  expectProblem(await service.get(aliceTask(id, "/explain")), 404);
  expectProblem(await service.get(`/admin/tasks/${id}/explain`, operator), 404);
});

test("an operator's explanation needs the token", async () => {
  const id = await submit(service);
  expectProblem(await service.get(`/admin/tasks/${id}/explain`), 401);
});
