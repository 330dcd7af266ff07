import { pino } from "pino";
import { expect, test } from "vitest";
import { jobsKey } from "../../local/development-scheduler/jobs.ts";
import { keys } from "../../task-state/index.ts";
import { forever, startScheduler } from "../support/development-scheduler.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const alice = { service: "sync", user: "alice" };

test("a submission is answered with 202 dispatching, and by then its record is running with a job", async () => {
  const { store, submit, read, messages } = await startScheduler(redis, forever);
  const id = await store.submit(alice, { src: "/a", dst: "" });
  expect(await submit(id)).toEqual({ status: 202, body: { task_id: id, status: "dispatching" } });
  expect(await read(id)).toMatchObject({ status: "running", active_jobs: [expect.stringContaining(id)] });
  expect(await messages(id)).toEqual(["Task accepted by scheduler"]);
});

test("a second submission while the task runs is answered with 202, warned about and not executed", async () => {
  const { store, submit, messages, warnings } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  const answers = await Promise.all([submit(id), submit(id), submit(id)]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(await messages(id)).toEqual(["Task accepted by scheduler"]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]?.fields).toMatchObject({ task_id: id });
});

test.each(["completed", "failed", "cancelled", "cancel_requested"] as const)(
  "a submission of a task that is %s is answered with 202, warned about and changes nothing",
  async (status) => {
    const { store, submit, warnings } = await startScheduler(redis);
    const id = await store.submit(alice, {});
    await store.update(id, { status });
    const before = await redis.client.get(keys.record(id));
    expect((await submit(id)).status).toBe(202);
    expect(warnings).toHaveLength(1);
    expect(await redis.client.exists(jobsKey)).toBe(0);
    expect(await redis.client.get(keys.record(id))).toBe(before);
  },
);

test("a task that is not in Redis is 404, for a submission and for a cancel", async () => {
  const { submit, cancel } = await startScheduler(redis);
  const unknown = { status: 404, body: { detail: "Task 99 not found in shared store" } };
  expect(await submit("99")).toEqual(unknown);
  expect(await cancel("99")).toEqual(unknown);
});

test.each([
  ["Parameters", { parameters: { src: "/b" } }],
  ["Parameters", { parameters: { src: "/a", extra: "" } }],
  ["Service or user", { user_id: "bob" }],
  ["Service or user", { service: "rm" }],
])("a submission whose %s differ is 400, with failed and the reason in the record by then", async (what, change) => {
  const { store, submit, read, messages } = await startScheduler(redis);
  const id = await store.submit(alice, { src: "/a" });
  const { status, body } = await submit(id, change);
  expect(status).toBe(400);
  expect(body.detail).toMatch(new RegExp(`^${what} of task ${id} .* not match`));
  expect((await read(id))?.status).toBe("failed");
  expect(await messages(id)).toEqual([body.detail]);
});

test("parameters are compared by content: order is free and `__proto__` is data", async () => {
  const { store, post, submit, read } = await startScheduler(redis, forever);
  const parameters = JSON.parse('{"a":"1","__proto__":"x","constructor":"y"}') as Record<string, string>;
  const id = await store.submit(alice, parameters);
  const other = await store.submit(alice, parameters);
  const body = (task: string, inner: string) =>
    `{"task_id":"${task}","service":"sync","user_id":"alice","parameters":${inner}}`;
  expect((await post("/task", body(id, '{"constructor":"y","__proto__":"x","a":"1"}'))).status).toBe(202);
  expect((await post("/task", body(other, '{"constructor":"y","__proto__":"other","a":"1"}'))).status).toBe(400);
  expect((await submit(id)).status).toBe(202);
  expect((await read(id))?.status).toBe("running");
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
  ["an empty object", "{}"],
  ["a number as id", { task_id: 1, service: "sync", user_id: "alice", parameters: {} }],
  ["no parameters", { task_id: "1", service: "sync", user_id: "alice" }],
  ["a parameter that is no string", { task_id: "1", service: "sync", user_id: "alice", parameters: { n: 1 } }],
  ["a list of parameters", { task_id: "1", service: "sync", user_id: "alice", parameters: [] }],
])("a submission with %s is 422 with a detail", async (_, body) => {
  const { post } = await startScheduler(redis);
  const answer = await post("/task", body);
  expect(answer).toEqual({ status: 422, body: { detail: expect.any(String) } });
});

test("a missing body is 422, and an unknown path 404", async () => {
  const { post } = await startScheduler(redis);
  expect((await post("/cancel")).status).toBe(422);
  expect(await post("/nowhere")).toEqual({ status: 404, body: { detail: "Not Found" } });
});

test("while all users are blocked, a submission is 403 and leaves its record untouched", async () => {
  const { store, post, submit, read } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  const before = await redis.client.get(keys.record(id));
  expect((await post("/tasks/block")).status).toBe(200);
  expect(await redis.client.get(keys.blocksAll)).toBe('{"blocked":true,"blocked_users":[]}');
  expect(await submit(id)).toEqual({ status: 403, body: { detail: "Requests are blocked" } });
  expect(await redis.client.get(keys.record(id))).toBe(before);
  await post("/tasks/enable");
  expect(await redis.client.get(keys.blocksAll)).toBe('{"blocked":false,"blocked_users":[]}');
  expect((await submit(id)).status).toBe(202);
  expect((await read(id))?.status).toBe("running");
});

test("only a blocked user is refused, until enabled", async () => {
  const { store, post, submit } = await startScheduler(redis, forever);
  const user = `/用${"a".repeat(252)}`;
  const id = await store.submit({ service: "sync", user }, {});
  const other = await store.submit(alice, {});
  await post(`/tasks/users/${encodeURIComponent(user)}/block`);
  expect(await redis.client.get(keys.blocksUser(user))).toBe('{"blocked":true}');
  expect(JSON.parse((await redis.client.get(keys.blocksAll)) ?? "")).toEqual({ blocked: false, blocked_users: [user] });
  expect((await submit(id)).status).toBe(403);
  expect((await submit(other)).status).toBe(202);
  await post(`/tasks/users/${encodeURIComponent(user)}/enable`);
  expect(await redis.client.get(keys.blocksUser(user))).toBe('{"blocked":false}');
  expect((await submit(id)).status).toBe(202);
});

test.each([
  [keys.blocksAll, '{"blocked": false, "blocked_users": ["alice"]}'],
  [keys.blocksUser("alice"), '{"blocked": true}'],
])("a block that another program wrote to %s holds", async (key, value) => {
  const { store, submit } = await startScheduler(redis);
  const id = await store.submit(alice, {});
  await redis.client.set(key, value);
  expect((await submit(id)).status).toBe(403);
});

test("concurrent blocks are all kept", async () => {
  const { post } = await startScheduler(redis);
  const users = Array.from({ length: 10 }, (_, index) => `user-${index}`);
  await Promise.all([...users.map((user) => post(`/tasks/users/${user}/block`)), post("/tasks/block")]);
  const { blocked, blocked_users } = JSON.parse((await redis.client.get(keys.blocksAll)) ?? "");
  expect(blocked).toBe(true);
  expect(blocked_users.toSorted()).toEqual(users);
});

test("a pino logger is a valid log", async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line) => lines.push(line) });
  const { store, submit } = await startScheduler(redis, {}, { log });
  const id = await store.submit(alice, {});
  await store.update(id, { status: "failed" });
  await submit(id);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ level: 40, task_id: id, status: "failed" });
});

test("the endpoints are also available under /tasks", async () => {
  const { store, post } = await startScheduler(redis, forever);
  const id = await store.submit(alice, {});
  const body = { task_id: id, service: "sync", user_id: "alice", parameters: {} };
  expect((await post("/tasks/task", body)).status).toBe(202);
  expect((await post("/tasks/cancel", body)).body.status).toBe("cancelled");
});

test("healthz is 200 on loopback", async () => {
  const { scheduler } = await startScheduler(redis);
  expect(scheduler.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${scheduler.url}/healthz`)).status).toBe(200);
});
