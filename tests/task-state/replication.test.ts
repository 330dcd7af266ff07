import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { type RedisServer, startRedisServer } from "../../local/redis-server.ts";
import { createReplicationBarrier, keys, TaskStateError } from "../../task-state/index.ts";
import { answerTimeout } from "../http/faults.ts";
import { detailIn, expectProblem } from "../http/support.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { alice, openStore, workIds } from "./support.ts";

// Without the delay a first synchronisation would take five seconds.
const redis = useRedis({ extra: ["--repl-diskless-sync-delay", "0"] });
const tasks = "/services/sync/users/alice/tasks";

/** A replica that is in step with the primary, gone after the test. */
async function startReplica(): Promise<RedisServer> {
  const replica = await startRedisServer({ extra: ["--replicaof", "127.0.0.1", String(redis.server.port)] });
  onTestFinished(() => replica.stop("SIGKILL"));
  await untilReplicas(1);
  return replica;
}

async function untilReplicas(count: number): Promise<void> {
  await until(
    async () => (await redis.client.info("replication")).match(/state=online/g)?.length === (count || undefined),
    { timeoutMs: 15_000 },
  );
}

/** A store whose submissions wait for this many replicas. */
function openWaiting(count: number) {
  return openStore(redis, { replication: { writer: redis.connect(), count } });
}

async function waits(): Promise<number> {
  const stats = await redis.client.info("commandstats");
  return Number(/cmdstat_wait:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

test("with as many replicas as asked for a submission is 202, and they have it", async () => {
  const replica = await startReplica();
  const service = await startServiceForTest(redis.url, { DMS_REDIS_WAIT_REPLICAS: "1" });
  const reply = await service.post(tasks);
  expect([reply.status, reply.body]).toEqual([202, { task_id: "1", status: "pending" }]);
  const copy = new Redis(replica.url);
  onTestFinished(() => copy.disconnect());
  expect(await copy.get(keys.record("1"))).toBe(await redis.client.get(keys.record("1")));
});

test("with too few replicas a submission is 503, the answer says that the task may exist, and nobody else waits", async () => {
  const service = await startServiceForTest(redis.url, { DMS_REDIS_WAIT_REPLICAS: "1" });
  const from = performance.now();
  let answered = false;
  const waiting = service.post(tasks).finally(() => {
    answered = true;
  });
  await until(async () => (await redis.client.get(keys.sequence)) === "1");
  expect((await service.get(tasks)).status).toBe(200);
  expect((await service.get("/services/sync/tasks/1?user_id=alice")).status).toBe(200);
  expect(answered).toBe(false);
  const reply = await waiting;
  const took = performance.now() - from;
  expectProblem(reply, 503);
  expect(detailIn(reply)).toMatch(/task 1 .*may exist/);
  expect(reply.headers.get("retry-after")).toBe("1");
  expect(took).toBeGreaterThan(900);
  expect(took).toBeLessThan(answerTimeout);
  expect(await workIds(redis.client)).toEqual(["1"]);
});

test("a replica that stops makes submissions 503, and 202 again when it goes on", async () => {
  const replica = await startReplica();
  const service = await startServiceForTest(redis.url, { DMS_REDIS_WAIT_REPLICAS: "1" });
  expect((await service.post(tasks)).status).toBe(202);
  replica.process.kill("SIGSTOP");
  expectProblem(await service.post(tasks), 503);
  replica.process.kill("SIGCONT");
  await until(async () => (await service.post(tasks)).status === 202);
});

test("submissions at the same time share their waits", async () => {
  await startReplica();
  const { store } = openWaiting(1);
  await redis.client.config("RESETSTAT");
  const ids = await Promise.all(Array.from({ length: 200 }, () => store.submit(alice, {})));
  expect(new Set(ids).size).toBe(200);
  expect(await waits()).toBeLessThanOrEqual(20);
});

test("without replicas submissions at the same time fail together, after two periods at most", async () => {
  const { store } = openWaiting(1);
  await redis.client.config("RESETSTAT");
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => store.submit(alice, {})));
  expect(await waits()).toBeLessThanOrEqual(2);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(TaskStateError) });
    expect(outcome).toMatchObject({ reason: { code: "not_replicated" } });
  }
});

test("two replicas are not one", async () => {
  await startReplica();
  await expect(openWaiting(2).store.submit(alice, {})).rejects.toMatchObject({ code: "not_replicated" });
});

test("a barrier never shares a wait that began before its caller came", async () => {
  const replies: ((count: number) => void)[] = [];
  const writer = redis.connect();
  writer.wait = (() => new Promise<number>((resolve) => replies.push(resolve))) as typeof writer.wait;
  const barrier = createReplicationBarrier(writer, 1);
  const [first, second, third] = [barrier(), barrier(), barrier()];
  expect(replies).toHaveLength(1);
  replies[0]?.(1);
  expect(await first).toBe(true);
  await until(() => replies.length === 2);
  const late = barrier();
  replies[1]?.(0);
  expect(await Promise.all([second, third])).toEqual([false, false]);
  await until(() => replies.length === 3);
  replies[2]?.(1);
  expect(await late).toBe(true);
});

test("a wait that fails fails for those that share it, and not for later ones", async () => {
  const writer = redis.connect();
  let calls = 0;
  writer.wait = (async () => {
    calls += 1;
    if (calls === 1) throw new Error("Connection is closed.");
    return 1;
  }) as typeof writer.wait;
  const barrier = createReplicationBarrier(writer, 1);
  const [first, second] = [barrier(), barrier()];
  await expect(first).rejects.toThrow("closed");
  expect(await second).toBe(true);
  expect(await barrier()).toBe(true);
});
