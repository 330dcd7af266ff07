import { afterEach, expect, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { unavailableDetails } from "../../shared/http/unavailable.ts";
import { keys } from "../../task-state/index.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { contents, saveAsScheduler, tracesOf } from "../task-state/support.ts";
import { expectAllUnavailable, expectUnavailable } from "./faults.ts";
import { aliceTask, aliceTasks, detailIn, expectProblem, idsIn, operator, submit, taskIn } from "./support.ts";

const service = useService();
const { redis } = service;

// A refusal may have closed the connection on purpose, and the next test must only see refusals by Redis.
afterEach(async () => {
  await until(async () => (await service.post("/admin/dispatch/resume", operator)).status === 200);
});

/** Ways to make Redis refuse writes, each with its reversal. */
const refusals: [name: string, begin: () => Promise<unknown>, end: () => Promise<unknown>][] = [
  [
    "a read-only replica",
    async () => redis.client.replicaof("127.0.0.1", await freePort()),
    () => redis.client.replicaof("NO", "ONE"),
  ],
  [
    "out of memory",
    () => redis.client.config("SET", "maxmemory", "1"),
    () => redis.client.config("SET", "maxmemory", "0"),
  ],
  [
    "without the replicas that it must have",
    () => redis.client.config("SET", "min-replicas-to-write", "1"),
    () => redis.client.config("SET", "min-replicas-to-write", "0"),
  ],
];

test.each(refusals)("while Redis is %s, writes are 503 and leave nothing half-written", async (_, begin, end) => {
  const id = await submit(service, "?src=/a");
  const running = await submit(service);
  await redis.client.set(
    keys.record(running),
    String(await redis.client.get(keys.record(running))).replace("pending", "running"),
  );
  await begin();
  try {
    const before = await contents(redis.client);
    for (let round = 0; round < 3; round += 1) {
      await expectUnavailable(() => service.post(`${aliceTasks}?src=/b`));
      await expectUnavailable(() => service.post("/services/new/users/carol/tasks?src=/b"));
      for (const task of [id, running]) {
        await expectUnavailable(() => service.post(aliceTask(task, "/cancel")));
        await expectUnavailable(() => service.post(`/admin/tasks/${task}/cancel`, operator));
      }
    }
    await expectAllUnavailable(50, () => service.post(aliceTasks));
    expect(await contents(redis.client)).toEqual(before);
  } finally {
    await end();
  }
  const next = await until(async () => {
    const { status, body } = await service.post(aliceTasks);
    return status === 202 && (body as { task_id: string }).task_id;
  });
  expect(next).toBe("3");
});

test.each(refusals)(
  "while Redis is %s, answers say that nothing came of the request, and the log sums them up",
  async (_, begin, end) => {
    const limited = await startServiceForTest(redis.url);
    const id = await submit(limited);
    await begin();
    try {
      // The first refusal may close the connection, and later ones may meet it while it is opened.
      await until(async () => detailIn(await limited.post(aliceTasks)) === unavailableDetails.submission.refused);
      await until(
        async () => detailIn(await limited.post(aliceTask(id, "/cancel"))) === unavailableDetails.change.refused,
      );
      for (let count = 0; count < 50; count += 1) expectProblem(await limited.post(aliceTasks), 503);
      const lines = limited.logs.filter(({ msg }) => msg === "Redis is unavailable");
      expect(lines.length).toBeLessThan(10);
      expect(lines).toContainEqual(
        expect.objectContaining({
          kind: "refused",
          count: 1,
          request_id: expect.any(String),
          cause: expect.stringMatching(/^[A-Z]+ /),
        }),
      );
    } finally {
      await end();
    }
  },
);

test.each(refusals)("while Redis is %s, operators who change the queue get 503", async (name, begin, end) => {
  await begin();
  try {
    // A Redis that is out of memory still deletes data.
    if (name !== "out of memory") await expectUnavailable(() => service.delete("/admin/dead-letters/1", operator));
    await expectUnavailable(() => service.post("/admin/dispatch/pause", operator));
  } finally {
    await end();
  }
});

test.each(refusals)("while Redis is %s, a deletion is whole or 503 without any effect", async (_, begin, end) => {
  const id = await submit(service, "?src=/a");
  await begin();
  try {
    const before = await contents(redis.client);
    const { status } = await service.delete(aliceTask(id));
    if (status === 200) expect(await tracesOf(redis.client, id)).toEqual([keys.deleted, keys.deletedOwners]);
    else {
      expect(status).toBe(503);
      expect(await contents(redis.client)).toEqual(before);
    }
  } finally {
    await end();
  }
});

test.each(refusals)("while Redis is %s, tasks can still be read", async (_, begin, end) => {
  const id = await submit(service, "?src=/a");
  await begin();
  try {
    await service.post(aliceTasks);
    await until(async () => taskIn(await service.get(aliceTask(id))));
    for (const path of [aliceTasks, "/admin/tasks?limit=1"]) {
      expect(idsIn(await service.get(path, operator))).toEqual([id]);
    }
    expect((await service.get("/services/sync/users")).body).toEqual({ users: ["alice"] });
  } finally {
    await end();
  }
});

test.each(refusals)(
  "while Redis is %s, lists are read although their index cannot be mended",
  async (_, begin, end) => {
    await submit(service);
    await submit(service);
    await saveAsScheduler(redis.client, "7");
    await redis.client.del(keys.record("2"));
    await begin();
    try {
      for (const path of [aliceTasks, "/admin/tasks?limit=1"]) {
        // The first refusal may close the connection, in case a proxy points to the wrong Redis.
        const ids = await until(async () => idsIn(await service.get(path, operator)));
        expect(ids[0]).toBe("1");
      }
    } finally {
      await end();
    }
  },
);

test("a wrong Redis password is 503, and never appears in an answer or in the log", async () => {
  await redis.client.config("SET", "requirepass", "s3cret-right");
  try {
    const url = redis.url.replace("redis://", "redis://:s3cret-wrong@");
    const locked = await startServiceForTest(url);
    await expectUnavailable(() => locked.post(aliceTasks));
    const reply = await locked.get("/healthz");
    expect(reply.status).toBe(503);
    expect(reply.text + JSON.stringify(locked.logs)).not.toContain("s3cret");
    expect(locked.logs).toContainEqual(
      expect.objectContaining({ level: "error", cause: expect.stringMatching(/WRONGPASS|AUTH/) }),
    );
    const open = await startServiceForTest(redis.url.replace("redis://", "redis://:s3cret-right@"));
    expect((await open.post(aliceTasks)).status).toBe(202);
  } finally {
    await redis.client.config("SET", "requirepass", "");
  }
});
