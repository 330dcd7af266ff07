import { expect, test } from "vitest";
import { keys, readDeadLetters, readDispatchState } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { alice, foreignRecord, tracesOf } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();
const detail = "Parameter src is missing";

/** A task that is under way to the scheduler, which answers with what `answer` is called with. */
async function underWay() {
  const { promise, resolve: answer } = Promise.withResolvers<SchedulerReply>();
  bench.scheduler.answer(({ kind }) => (kind === "submit" ? promise : 202));
  const id = await bench.submit();
  await bench.start();
  await until(() => bench.scheduler.requests.length === 1);
  return { id, answer };
}

/** Waits until no entry is left but that of the task under way. */
async function untilOthersAreDone(): Promise<void> {
  await until(async () => {
    const { waiting, in_flight } = await readDispatchState(bench.redis.client);
    return waiting === 0 && in_flight === 1;
  });
}

test.each([400, 409, 410, 422, 401, 405, 413])(
  "%i fails the task with the scheduler's detail, and is not tried again",
  async (status) => {
    bench.scheduler.answer(({ user }) => (user === "alice" ? { status, detail } : 202));
    const [refused, other] = [await bench.submit(), await bench.submit({ ...alice, user: "bob" })];
    await bench.start();
    await bench.untilStatus("failed", refused);
    await bench.untilStatus("running", other);
    await bench.untilIdle();
    expect(await bench.messages(refused)).toEqual([
      "Dispatching to scheduler",
      `Scheduler refused the task: ${detail}`,
    ]);
    expect(bench.scheduler.ids("submit")).toEqual([refused, other]);
    expect(await bench.redis.client.exists(keys.due)).toBe(0);
    expect((await readDeadLetters(bench.redis.client, 10)).letters).toEqual([]);
  },
);

test("403 for another reason than a block fails the task", async () => {
  bench.scheduler.answer(() => ({ status: 403, detail: "Task does not match service and user" }));
  const id = await bench.submit();
  await bench.start();
  await bench.untilStatus("failed", id);
  expect(await bench.messages(id)).toContain("Scheduler refused the task: Task does not match service and user");
});

test("a detail that the scheduler has written already is not written again", async () => {
  const raw = foreignRecord("1", { status: "failed", logs: ["t,Dispatching to scheduler", `t,${detail}`] });
  bench.scheduler.answer(async () => {
    await bench.redis.client.set(keys.record("1"), raw);
    return { status: 400, detail };
  });
  await bench.submit();
  await bench.start();
  await bench.untilIdle();
  expect(await bench.redis.client.get(keys.record("1"))).toBe(raw);
  expect(bench.scheduler.requests).toHaveLength(1);
});

test("a refused task that was to be cancelled fails, and nothing waits for it any more", async () => {
  const { id, answer } = await underWay();
  await bench.store.cancel(id);
  await untilOthersAreDone();
  answer({ status: 400, detail });
  await bench.untilStatus("failed", id);
  await bench.untilIdle();
  expect(bench.scheduler.ids("cancel")).toEqual([]);
  expect(await bench.redis.client.exists(keys.deferredCancels)).toBe(0);
});

test("a refused task that was deleted is removed", async () => {
  const { id, answer } = await underWay();
  await bench.store.delete(id);
  await untilOthersAreDone();
  answer({ status: 400, detail });
  await bench.untilIdle();
  expect(await tracesOf(bench.redis.client, id)).toEqual([keys.deleted, keys.deletedOwners]);
});
