import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, bob, foreignRecord } from "../task-state/support.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test("a task is submitted once, and a scheduler that never writes leaves it running", async () => {
  const id = await bench.submit(alice, { src: "/a" });
  const { status: _, logs: __, updated_at: ___, ...before } = await bench.record(id);
  await bench.start();
  await bench.untilStatus("running", id);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
  expect(await bench.messages(id)).toEqual(["Dispatching to scheduler", "Scheduler acknowledged submission"]);
  expect(await bench.record(id)).toMatchObject(before);
  await bench.untilIdle();
  expect(await bench.sidecar(id)).toEqual({
    service: "sync",
    user: "alice",
    phase: "sent",
    attempts: 1,
    tries: 1,
    cancelAttempts: 0,
    place: 1,
    since: expect.any(Number),
    rev: expect.any(Number),
  });
});

test("the scheduler gets the task as it is stored, under its id", async () => {
  const parameters = { src: "/pvs/ü", dst: "", n: "1,2", constructor: "x", '"': "\\\n" };
  const id = await bench.submit({ service: "cocoa.song", user: "a:b" }, parameters);
  await bench.start();
  await bench.untilStatus("running", id);
  const [request] = bench.scheduler.requests;
  expect(request?.body).toEqual({ task_id: id, service: "cocoa.song", user_id: "a:b", parameters });
  expect(request?.body.parameters).toEqual((await bench.record(id)).parameters);
  expect(request?.headers).toMatchObject({ "idempotency-key": `${id}-0`, "content-type": "application/json" });
});

test("the record says dispatching before the scheduler has the request, and the sidecar counts it", async () => {
  let seen: unknown;
  bench.scheduler.answer(async ({ id }) => {
    seen = [(await bench.record(id)).status, await bench.sidecar(id)];
    return 202;
  });
  await bench.start();
  await bench.untilStatus("running", await bench.submit());
  expect(seen).toEqual(["dispatching", expect.objectContaining({ phase: "sending", attempts: 1 })]);
});

test.each(["running", "completed"] as const)(
  "a record that the scheduler has made %s before it answers stays as it wrote it",
  async (status) => {
    const raw = foreignRecord("1", { status, logs: ["t,Task accepted by scheduler"], active_jobs: [{ job: 1 }] });
    bench.scheduler.answer(async ({ id }) => {
      await bench.redis.client.set(keys.record(id), raw);
      return 202;
    });
    const id = await bench.submit();
    await bench.start();
    await until(async () => (await bench.sidecar(id)).phase === "sent");
    const { logs, updated_at: _, ...after } = await bench.record(id);
    expect(after).toMatchObject({ status, active_jobs: [{ job: 1 }] });
    const logged = status === "running" ? [expect.stringMatching(/,Scheduler acknowledged submission$/)] : [];
    expect(logs).toEqual(["t,Task accepted by scheduler", ...logged]);
  },
);

test("a record that the scheduler writes after its answer stays as it wrote it", async () => {
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("running", id);
  await bench.untilIdle();
  const raw = foreignRecord(id, { status: "running", logs: ["t,Task accepted by scheduler"] });
  await bench.redis.client.set(keys.record(id), raw);
  await bench.redis.client.xadd(keys.work, "*", "id", id);
  await bench.untilIdle();
  expect(await bench.redis.client.get(keys.record(id))).toBe(raw);
  expect(bench.scheduler.ids("submit")).toEqual([id]);
});

test("an entry that comes once more for a task in any later state sends nothing", async () => {
  const ids = [await bench.submit(), await bench.submit(bob)];
  await bench.start();
  await bench.start();
  await bench.untilStatus("running", ...ids);
  await bench.store.update(ids[1] ?? "", { status: "completed" });
  for (let count = 0; count < 20; count += 1)
    await bench.redis.client.xadd(keys.work, "*", "id", String(1 + (count % 2)));
  await bench.untilIdle();
  expect(bench.scheduler.ids("submit")).toHaveLength(2);
});

test("200 tasks over two dispatchers are each submitted once, over connections that are kept", async () => {
  const ids = await Promise.all(Array.from({ length: 200 }, () => bench.submit()));
  await bench.start();
  await bench.start();
  await bench.untilStatus("running", ...ids);
  expect(bench.scheduler.ids("submit").toSorted((a, b) => Number(a) - Number(b))).toEqual(ids);
  expect(bench.scheduler.busiest).toBeLessThanOrEqual(8);
  expect(bench.scheduler.connections).toBeLessThanOrEqual(8);
});

test("tasks are submitted in the order of their submission", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 30; count += 1) ids.push(await bench.submit());
  await bench.start({ DMS_EVENT_WORKER_COUNT: "1" });
  await bench.untilStatus("running", ...ids);
  expect(bench.scheduler.ids("submit")).toEqual(ids);
});
