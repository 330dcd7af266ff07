import { expect, test } from "vitest";
import { unavailableDetails } from "../../shared/http/unavailable.ts";
import { startServiceForTest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { expectAllUnavailable, expectSick, expectUnavailable, requestsTo, startFragileRedis } from "./faults.ts";
import { aliceTask, aliceTasks, detailIn, idsIn, operator, submit, taskIn } from "./support.ts";

test("while Redis hangs every endpoint is 503 in time, and service resumes by itself", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  const id = await submit(service);
  redis.hang();
  // All at once: each of them uses the hanging connection before it is closed.
  await Promise.all([...requestsTo(service).map(([name, send]) => expectUnavailable(send, name)), expectSick(service)]);
  for (const [name, send] of requestsTo(service)) await expectUnavailable(send, `${name}, later`);
  redis.resume();
  await until(async () => (await service.get("/healthz")).status === 200);
  await until(async () => (await service.get(aliceTasks)).status === 200);
  expect(Number(await submit(service))).toBeGreaterThan(Number(id));
});

test("a request whose reply Redis owes says what may have become of it, and later ones that nothing has", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url);
  const id = await submit(service);
  const details = async () => {
    const replies = await Promise.all([
      service.post(aliceTasks),
      service.post("/admin/dispatch/pause", operator),
      service.get(aliceTask(id)),
    ]);
    return replies.map(detailIn);
  };
  const { submission, change, none } = unavailableDetails;
  redis.hang();
  expect(await details()).toEqual([submission.reply_lost, change.reply_lost, none.reply_lost]);
  expect(await details()).toEqual([submission.unreachable, change.unreachable, none.unreachable]);
  redis.resume();
});

test("500 requests while Redis hangs are all answered in time, none waits in a queue, and the dispatcher resumes", async () => {
  const redis = await startFragileRedis();
  const service = await startServiceForTest(redis.server.url, {
    DMS_EVENT_WORKER_COUNT: "2",
    // Nothing is listening there, so only an attempt is visible.
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1",
  });
  const id = await submit(service);
  redis.hang();
  const read = () => service.get(aliceTask(id));
  await expectAllUnavailable(100, read);
  // The connection is closed by now: these requests must not even be sent.
  await expectAllUnavailable(400, () => service.post(aliceTasks));
  redis.resume();
  await until(async () => (await read()).status === 200);
  expect(idsIn(await service.get(aliceTasks))).toEqual([id]);
  const later = await submit(service);
  await until(async () =>
    taskIn(await service.get(aliceTask(later))).logs?.some((entry) => /ECONNREFUSED/.test(entry)),
  );
});
