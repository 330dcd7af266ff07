import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { aliceTask, aliceTasks, detailIn, expectProblem } from "./support.ts";

const service = useService({ environment: { DMS_IDEMPOTENCY_TTL_SECONDS: "1000" } });
const submit = (key: string, path = aliceTasks) => service.post(path, { headers: { "idempotency-key": key } });

test("a retry repeats the first 202 and says so", async () => {
  const first = await submit("k", `${aliceTasks}?src=/a`);
  expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([202, null]);
  const second = await submit("k", `${aliceTasks}?src=/a`);
  expect([second.status, second.text]).toEqual([202, first.text]);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect(await service.redis.client.get(keys.sequence)).toBe("1");
});

test("a retry after the task's deletion repeats the first 202, and creates no task", async () => {
  const first = await submit("k");
  await service.delete(aliceTask("1"));
  expect((await submit("k")).text).toBe(first.text);
  expect((await service.get(aliceTask("1"))).status).toBe(404);
});

test("the parameters count, not their source", async () => {
  await submit("k", `${aliceTasks}?src=/a`);
  const body = JSON.stringify({ parameters: { src: "/a" } });
  const headers = { "idempotency-key": "k", "content-type": "application/json" };
  expect((await service.post(aliceTasks, { body, headers })).headers.get("idempotency-replayed")).toBe("true");
});

test("the same key with other parameters is 422 and names the task", async () => {
  await submit("k", `${aliceTasks}?src=/a`);
  const reply = await submit("k", `${aliceTasks}?src=/b`);
  expectProblem(reply, 422);
  expect(detailIn(reply)).toContain("task 1");
});

test("another user and another service may use the same key", async () => {
  const paths = [aliceTasks, "/services/sync/users/bob/tasks", "/services/copy/users/alice/tasks"];
  for (const [index, path] of paths.entries()) {
    expect((await submit("k", path)).body).toEqual({ task_id: String(index + 1), status: "pending" });
  }
});

test("a key has 1 to 255 bytes", async () => {
  expect((await submit("k".repeat(255))).status).toBe(202);
  expectProblem(await submit("k".repeat(256)), 422);
  expectProblem(await submit(""), 422);
});

test("a key is kept for the configured time", async () => {
  await submit("k");
  const [key = ""] = await service.redis.client.keys("dms:idempotency:*");
  expect(await service.redis.client.ttl(key)).toBeGreaterThan(990);
  expect(await service.redis.client.ttl(key)).toBeLessThanOrEqual(1000);
});
