import { request } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { type Spoiler, spoilers } from "../support/spoilt.ts";
import { until } from "../support/until.ts";
import { contents, saveAsScheduler, tracesOf } from "../task-state/support.ts";
import { aliceTask, aliceTasks, detailIn, expectProblem, idsIn, operator, submit, taskIn } from "./support.ts";

const service = useService();
const { redis } = service;
const lists = [aliceTasks, "/admin/tasks", "/admin/services/sync/tasks"];
const cases = spoilers.map((spoiler): [string, Spoiler] => [spoiler.name, spoiler]);

async function spoilSecond({ spoil }: Spoiler): Promise<void> {
  for (let count = 0; count < 3; count += 1) await submit(service);
  await spoil(redis.client, "2");
}

async function letters(): Promise<unknown[]> {
  const { body } = await service.get("/admin/dead-letters", operator);
  return (body as { dead_letters: unknown[] }).dead_letters;
}

/** The keys of the task in Redis, as bytes. */
async function own(id: string) {
  const { dump } = { dump: async (key: string) => (await redis.client.callBuffer("DUMP", key)) as Buffer | null };
  return Promise.all([keys.record(id), keys.metadata(id), keys.sidecar(id)].map(dump));
}

test.each(cases)("%s is left out of lists, which count it", async (_, spoiler) => {
  await spoilSecond(spoiler);
  for (const path of lists) {
    for (const query of ["", "?limit=2", "?order=desc"]) {
      const reply = await service.get(path + query, operator);
      expect(idsIn(reply).toSorted(), path + query).toEqual(spoiler.readable ? expect.any(Array) : ["1", "3"]);
      expect(reply.headers.get("dms-unreadable-tasks"), path + query).toBe(spoiler.readable ? null : "1");
    }
  }
});

test.each(cases)("%s is refused by every operation, with the reason for those who may see it", async (_, spoiler) => {
  await spoilSecond(spoiler);
  const before = await own("2");
  const verbs: [method: string, path: string][] = [
    ["POST", aliceTask("2", "/cancel")],
    ["DELETE", aliceTask("2")],
    ["GET", aliceTask("2", "/explain")],
    ["POST", "/admin/tasks/2/cancel"],
    ["GET", "/admin/tasks/2/explain"],
  ];
  if (spoiler.readable) expect((await service.get(aliceTask("2"))).status).toBe(200);
  else verbs.push(["GET", aliceTask("2")]);
  for (const [method, path] of verbs) {
    const reply = await service.request(method, path, operator);
    expectProblem(reply, 409);
    expect(detailIn(reply), path).toMatch(spoiler.reason);
    if (!path.startsWith("/admin")) {
      expectProblem(await service.request(method, path.replace("=alice", "=bob")), 404);
      expectProblem(await service.request(method, path.replace("/sync/", "/cp/")), 404);
    }
  }
  expect(await own("2")).toEqual(before);
  expect(await letters()).toEqual([
    {
      task_id: "2",
      service: "sync",
      user_id: "alice",
      request: "read",
      attempts: 1,
      error: expect.stringMatching(spoiler.reason),
      at: expect.any(String),
    },
  ]);
  const retry = await service.post("/admin/dead-letters/2/retry", operator);
  expectProblem(retry, 409);
  expect(detailIn(retry)).toMatch(spoiler.reason);
  expect(await letters()).toHaveLength(1);
});

test.each(cases)("%s is deleted by an operator, and nothing is left of it", async (_, spoiler) => {
  await spoilSecond(spoiler);
  if (spoiler.readable) await redis.client.hset(keys.metadata("2"), "service", "sync", "user_id", "alice");
  expectProblem(await service.post("/admin/tasks/2/cancel", operator), 409);
  expect(taskIn(await service.delete("/admin/tasks/2", operator))).toMatchObject({ task_id: "2", user_id: "alice" });
  expectProblem(await service.get(aliceTask("2")), 404);
  expectProblem(await service.get("/admin/tasks/2/explain", operator), 404);
  expect(idsIn(await service.get("/admin/tasks", operator))).toEqual(["1", "3"]);
  expect(await letters()).toEqual([]);
  // Without its sidecar it is unknown whether the scheduler has the task, so a dispatcher asks there first.
  if (spoiler.readable) return;
  expect(await tracesOf(redis.client, "2")).toEqual([keys.deleted, keys.deletedOwners]);
});

test("without a stored owner it is not visible to users, and an operator can delete it", async () => {
  await submit(service);
  await redis.client.del(keys.sidecar("1"), keys.metadata("1"));
  await redis.client.set(keys.record("1"), "{");
  expectProblem(await service.get(aliceTask("1")), 404);
  expectProblem(await service.delete(aliceTask("1")), 404);
  expectProblem(await service.get("/admin/tasks/1/explain", operator), 409);
  expect(taskIn(await service.delete("/admin/tasks/1", operator))).toMatchObject({ task_id: "1", user_id: "" });
  expect(await redis.client.exists(keys.record("1"), keys.unreadable)).toBe(0);
  expect(idsIn(await service.get("/admin/tasks", operator))).toEqual([]);
});

test("an operator's delete keeps the end of a damaged record", async () => {
  await submit(service);
  const raw = (await redis.client.get(keys.record("1"))) ?? "";
  await redis.client.hset(keys.sidecar("1"), "phase", "sent");
  await redis.client.set(keys.record("1"), raw.replace('"pending"', '"completed"').replace('"logs":[]', '"logs":null'));
  expect(taskIn(await service.delete("/admin/tasks/1", operator))).toMatchObject({ status: "completed" });
  expect(await redis.client.exists(keys.record("1"), keys.sidecar("1"))).toBe(0);
});

test("a dead letter of another kind returns when the task is readable again", async () => {
  await submit(service);
  const record = (await redis.client.get(keys.record("1"))) ?? "";
  const failed = record.replace('"pending"', '"failed"');
  const letter = {
    task_id: "1",
    service: "sync",
    user_id: "alice",
    request: "submit",
    attempts: 3,
    error: "x",
    at: "t",
  };
  await redis.client.zadd(keys.dead, 5, "1");
  await redis.client.hset(keys.deadLetters, "1", JSON.stringify(letter));
  await redis.client.set(keys.record("1"), "{");
  expectProblem(await service.get(aliceTask("1")), 409);
  expect(await letters()).toMatchObject([{ request: "read", replaces: letter }]);
  await redis.client.set(keys.record("1"), failed);
  taskIn(await service.post("/admin/dead-letters/1/retry", operator));
  expect(await letters()).toEqual([letter]);
  expect(await redis.client.exists(keys.unreadable)).toBe(0);
});

test("a discarded dead letter is not written again while the task is unchanged", async () => {
  await submit(service);
  await redis.client.set(keys.record("1"), "{");
  expectProblem(await service.get(aliceTask("1")), 409);
  expect((await service.delete("/admin/dead-letters/1", operator)).status).toBe(200);
  expectProblem(await service.get(aliceTask("1")), 409);
  expect(await letters()).toEqual([]);
  expect(await redis.client.zcard(keys.unreadable)).toBe(1);
});

test("a whole list that is sent in pieces counts what its first pieces know, and all of it in a trailer", async () => {
  await Promise.all(Array.from({ length: 1500 }, () => submit(service)));
  for (const id of ["2", "700", "1400", "1401"]) await redis.client.set(keys.record(id), "{");
  const url = new URL(`${service.address}/api/v1/admin/tasks`);
  const message = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request(url, { headers: { ...operator.headers, te: "trailers" } }, resolve)
      .on("error", reject)
      .end();
  });
  const { tasks } = JSON.parse(await text(message));
  expect(tasks).toHaveLength(1496);
  expect(Number(message.headers["dms-unreadable-tasks"])).toBeGreaterThanOrEqual(1);
  expect(message.trailers).toEqual({ "dms-unreadable-tasks": "4" });
  const plain = await service.get("/admin/tasks", operator);
  expect(idsIn(plain)).toHaveLength(1496);
  expect(plain.headers.get("trailer")).toBeNull();
});

test("the log reports many unreadable tasks in few lines", async () => {
  const own = await startServiceForTest(redis.url);
  for (let count = 0; count < 30; count += 1) await submit(own);
  for (let id = 1; id <= 30; id += 1) await redis.client.set(keys.record(String(id)), "{");
  for (let count = 0; count < 3; count += 1) await own.get("/admin/tasks", operator);
  for (let id = 1; id <= 30; id += 1) await own.get(aliceTask(String(id)));
  const lines = () => own.logs.filter(({ msg }) => msg.startsWith("unreadable tasks are set aside"));
  await until(() => lines().length > 0);
  expect(await letters()).toHaveLength(30);
  expect(lines()).toMatchObject([{ level: "error", tasks: [{ task_id: "1", reason: "the record is not JSON" }] }]);
});

test("the reason is reported even while Redis refuses writes", async () => {
  await submit(service);
  await redis.client.set(keys.record("1"), "{");
  await redis.client.config("SET", "min-replicas-to-write", "1");
  try {
    expectProblem(await service.get(aliceTask("1")), 409);
    expect((await service.get("/admin/tasks", operator)).headers.get("dms-unreadable-tasks")).toBe("1");
  } finally {
    await redis.client.config("SET", "min-replicas-to-write", "0");
  }
});

test("a record under a name that no index can hold breaks no list", async () => {
  await submit(service);
  await saveAsScheduler(redis.client, "2", { user_id: "" });
  await redis.client.sadd(keys.service("sync"), "2");
  expect(idsIn(await service.get("/admin/services/sync/tasks", operator))).toEqual(["1"]);
  expect((await service.get("/services/sync/users")).body).toEqual({ users: ["alice"] });
});

test("members of the shared sets that are no task ids break no list", async () => {
  await submit(service);
  await redis.client.sadd(keys.tasks, "x", "0", "-1", "1e3", "id:sequence");
  for (const query of ["", "?limit=5"]) {
    expect(idsIn(await service.get(`/admin/tasks${query}`, operator))).toEqual(["1"]);
  }
});

test("an unreadable task of another program is counted in the lists of its stored owner, and shown once it is readable", async () => {
  await saveAsScheduler(redis.client, "5");
  const raw = (await redis.client.get(keys.record("5"))) ?? "";
  await redis.client.set(keys.record("5"), raw.slice(0, -1));
  for (const path of lists) {
    const reply = await service.get(path, operator);
    expect([idsIn(reply), reply.headers.get("dms-unreadable-tasks")]).toEqual([[], "1"]);
  }
  await redis.client.set(keys.record("5"), raw);
  for (const path of lists) expect(idsIn(await service.get(path, operator))).toEqual(["5"]);
  expect(Object.keys(await contents(redis.client))).toContain(keys.unreadable);
});
