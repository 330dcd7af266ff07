import { expect, test } from "vitest";
import { endpoints } from "../../shared/api/endpoints.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { aliceTasks, expectProblem } from "./support.ts";

const service = useService();

/** The calls of existing clients. */
const promised = [
  "GET /api/v1/help",
  "GET /api/v1/services/{service}/users/{user_id}/tasks",
  "POST /api/v1/services/{service}/users/{user_id}/tasks",
  "GET /api/v1/services/{service}/users",
  "GET /api/v1/services/{service}/tasks/{task_id}",
  "POST /api/v1/services/{service}/tasks/{task_id}/cancel",
  "DELETE /api/v1/services/{service}/tasks/{task_id}",
  "GET /api/v1/admin/tasks",
  "GET /api/v1/admin/services/{service}/tasks",
  "POST /api/v1/admin/tasks/{task_id}/cancel",
  "DELETE /api/v1/admin/tasks/{task_id}",
  "GET /healthz",
];

test("/help names every endpoint once, with its path parameters in braces", async () => {
  const reply = await service.get("/help");
  expect(reply.status).toBe(200);
  expect(reply.headers.get("content-type")).toBe("application/json; charset=utf-8");
  const all = Object.values(endpoints).map(
    ({ method, path }) => `${method} ${path === "/healthz" ? "" : "/api/v1"}${path}`,
  );
  expect(reply.body).toEqual({ endpoints: all, description: expect.stringMatching(/\w/) });
  expect(all).toEqual(expect.arrayContaining(promised));
});

test("every endpoint of the table is mounted", async () => {
  for (const { method, path } of Object.values(endpoints)) {
    const { body } = await service.request(method, path.replaceAll(/\{\w+\}/g, "1"));
    expect(body, `${method} ${path}`).not.toMatchObject({ detail: "Not Found" });
  }
});

test("/healthz is at the root and reports that Redis is connected", async () => {
  const reply = await service.get("/healthz");
  expect([reply.status, reply.body]).toEqual([200, { status: "ok", redis: { connected: true } }]);
  expect((await fetch(`${service.address}/api/v1/healthz`)).status).toBe(404);
});

test("/livez is at the root, and answers by GET alone", async () => {
  const reply = await fetch(`${service.address}/livez`);
  expect([reply.status, await reply.json()]).toEqual([200, { status: "ok" }]);
  expect((await fetch(`${service.address}/livez`, { method: "POST" })).status).toBe(404);
  expect((await fetch(`${service.address}/api/v1/livez`)).status).toBe(404);
});

test.each([
  "/nowhere",
  "/services/sync",
  "/services/sync/tasks",
  "/admin",
  "/help/",
  "/services/sync/tasks/1/cancel/2",
])("the unknown path %s is 404", async (path) => {
  expectProblem(await service.get(path), 404);
  expectProblem(await service.post(path), 404);
});

test("a path outside the prefix is 404", async () => {
  for (const path of ["/", "/services/sync/users", "/api/v1", "/api/v2/help", "//api/v1/help"]) {
    expect((await fetch(service.address + path)).status, path).toBe(404);
  }
});

test.each([
  ["PUT", aliceTasks],
  ["PATCH", "/services/sync/tasks/1?user_id=alice"],
  ["DELETE", aliceTasks],
  ["GET", "/services/sync/tasks/1/cancel?user_id=alice"],
  ["POST", "/help"],
  ["DELETE", "/admin/tasks"],
  ["OPTIONS", "/help"],
])("%s %s is a wrong method: 404 or 405", async (method, path) => {
  const reply = await service.request(method, path);
  expect([404, 405]).toContain(reply.status);
  expectProblem(reply, reply.status);
});

test.each([
  ["/", "/help", "GET /services/{service}/users"],
  ["/dms/v2/", "/dms/v2/help", "GET /dms/v2/services/{service}/users"],
])("with the prefix %s the API is at %s", async (prefix, help, route) => {
  const other = await startServiceForTest(service.redis.url, { DMS_API_PREFIX: prefix });
  const response = await fetch(other.address + help);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ endpoints: expect.arrayContaining([route, "GET /healthz"]) });
});
