import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { detailIn, expectProblem, idsIn, operator, submit, taskIn } from "./support.ts";

const service = useService();
const encode = encodeURIComponent;
const pathOf = (name: string, user: string) => `/services/${encode(name)}/users/${encode(user)}/tasks`;

test.each([
  ["cocoa.song", "cocoa.song"],
  ["sync", "a@b.c"],
  ["sync", "ünïcødé 用户 😀"],
  ["sync", "a:b"],
  ["sync", "users"],
  ["sync", "user:users:user:x"],
  ["a:b", "alice"],
  ["users", "user"],
  ["a/b", "c/d/../e"],
  ["100%", "%2F%zz+"],
  ["a?b#c", "&=;"],
  ["__proto__", "constructor"],
  ["{id}", "{user_id}:*"],
  ["\\", '"quoted"'],
  [" ", "\u00a0\u3000"],
  ["s".repeat(256), "u".repeat(256)],
  ["한".repeat(85), "한".repeat(85)],
])("service %j and user %j submit, read, list, cancel and delete", async (name, user) => {
  const id = await submit(service, "?src=/a", pathOf(name, user));
  const task = (verb = "") => `/services/${encode(name)}/tasks/${id}${verb}?user_id=${encode(user)}`;
  expect(taskIn(await service.get(task()))).toMatchObject({ service: name, user_id: user });
  expect(idsIn(await service.get(pathOf(name, user)))).toEqual([id]);
  expect((await service.get(`/services/${encode(name)}/users`)).body).toEqual({ users: [user] });
  expect(idsIn(await service.get(`/admin/services/${encode(name)}/tasks`, operator))).toEqual([id]);
  expect(await service.redis.client.smembers(keys.owner({ service: name, user }))).toEqual([id]);
  expect(taskIn(await service.post(task("/cancel"))).status).toBe("cancelled");
  expect(taskIn(await service.delete(task())).user_id).toBe(user);
  expect((await service.get(`/services/${encode(name)}/users`)).body).toEqual({ users: [] });
});

const badServices = [
  "",
  "a:users",
  "a:user",
  "a:user:b",
  "a:users:b",
  "a\nb",
  "\u0000",
  "\u0085",
  "s".repeat(257),
  "한".repeat(86),
];

test.each(badServices)("the service %j is 422 on every path that names one", async (name) => {
  for (const [method, path] of [
    ["POST", `/services/${encode(name)}/users/alice/tasks`],
    ["GET", `/services/${encode(name)}/users/alice/tasks`],
    ["GET", `/services/${encode(name)}/users`],
    ["GET", `/services/${encode(name)}/tasks/1?user_id=alice`],
    ["POST", `/services/${encode(name)}/tasks/1/cancel?user_id=alice`],
    ["DELETE", `/services/${encode(name)}/tasks/1?user_id=alice`],
    ["GET", `/admin/services/${encode(name)}/tasks`],
  ] as const) {
    const reply = await service.request(method, path, operator);
    expectProblem(reply, 422);
    expect(detailIn(reply)).toMatch(/service must not .*(empty|collide|control characters|256 bytes)/);
    expect(reply.body).toMatchObject({ errors: [{ field: "service" }] });
  }
  expect(await service.redis.client.dbsize()).toBe(0);
});

test.each(["", "a\tb", "\u007f", "u".repeat(257), "한".repeat(86)])(
  "the user %j is 422 in paths and queries",
  async (user) => {
    for (const [method, path] of [
      ["POST", `/services/sync/users/${encode(user)}/tasks`],
      ["GET", `/services/sync/users/${encode(user)}/tasks`],
      ["GET", `/services/sync/tasks/1?user_id=${encode(user)}`],
      ["POST", `/services/sync/tasks/1/cancel?user_id=${encode(user)}`],
      ["DELETE", `/services/sync/tasks/1?user_id=${encode(user)}`],
    ] as const) {
      const reply = await service.request(method, path);
      expectProblem(reply, 422);
      expect(detailIn(reply)).toMatch(/user must not .*(empty|control characters|256 bytes)/);
      expect(reply.body).toMatchObject({ errors: [{ field: "user_id" }] });
    }
    expect(await service.redis.client.dbsize()).toBe(0);
  },
);

test("several invalid inputs are reported together", async () => {
  const reply = await service.get("/services/a:users/tasks/1");
  expectProblem(reply, 422);
  expect(detailIn(reply)).toMatch(/service.*user_id/);
});

test.each(["%", "%zz", "%ff", "%c3%28", "%ed%a0%80"])("a path with %s is 400 or 404 with a detail", async (piece) => {
  for (const path of [`/services/${piece}/users`, `/services/sync/users/${piece}/tasks`, `/admin/tasks/${piece}`]) {
    const reply = await service.request("GET", path);
    expect([400, 404]).toContain(reply.status);
    expectProblem(reply, reply.status);
  }
});
