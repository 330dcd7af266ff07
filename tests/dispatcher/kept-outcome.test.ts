import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { change } from "../task-state/support.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

/** With leases of 3 s. */
const quick = { DMS_REQUEST_TIMEOUT_SECONDS: "1" };
const pastTheLease = 4000;

const config = (name: string, value: string) => bench.redis.client.config("SET", name, value);
const refusals: [name: string, refuse: () => Promise<unknown>, allow: () => Promise<unknown>][] = [
  ["OOM", () => config("maxmemory", "1"), () => config("maxmemory", "0")],
  ["NOREPLICAS", () => config("min-replicas-to-write", "1"), () => config("min-replicas-to-write", "0")],
  [
    "READONLY",
    () => bench.redis.client.call("REPLICAOF", "127.0.0.1", "1"),
    () => bench.redis.client.call("REPLICAOF", "NO", "ONE"),
  ],
];

test.each(refusals)(
  "what the scheduler has accepted while Redis answers %s is stored when it takes writes again, and sent once",
  async (_, refuse, allow) => {
    onTestFinished(async () => void (await allow()));
    bench.scheduler.answer(async () => {
      await refuse();
      return 202;
    });
    const id = await bench.submit();
    // Another one waits for what the first may leave behind.
    const dispatchers = [await bench.start(quick), await bench.start(quick)];
    await until(() =>
      dispatchers.some(({ logs }) => logs.some(({ msg }) => msg?.startsWith("could not store the outcome"))),
    );
    await pause(pastTheLease);
    await allow();
    await bench.untilStatus("running", id);
    await bench.untilIdle();
    expect(bench.scheduler.ids("submit")).toEqual([id]);
    expect(await bench.messages(id)).toEqual(["Dispatching to scheduler", "Scheduler acknowledged submission"]);
  },
);

test("a dispatcher that is asked to stop spends its grace on what it could not store", async () => {
  onTestFinished(async () => void (await config("maxmemory", "0")));
  bench.scheduler.answer(async () => {
    await config("maxmemory", "1");
    return 202;
  });
  const id = await bench.submit();
  const dispatcher = await bench.start({ ...quick, DMS_SHUTDOWN_GRACE_SECONDS: "10" });
  await until(() => dispatcher.logs.some(({ msg }) => msg?.startsWith("could not store the outcome")));
  dispatcher.abort();
  await pause(500);
  await config("maxmemory", "0");
  await dispatcher.stop();
  expect(await bench.record(id)).toMatchObject({ status: "running" });
  expect(await bench.sidecar(id)).toMatchObject({ phase: "sent" });
  expect(await bench.sidecar(id)).not.toHaveProperty("lease");
});

test("a grace that ends first is logged with what was lost, and the process does not hang", async () => {
  onTestFinished(async () => void (await config("maxmemory", "0")));
  bench.scheduler.answer(async () => {
    await config("maxmemory", "1");
    return 202;
  });
  const id = await bench.submit();
  const dispatcher = await bench.start({ ...quick, DMS_SHUTDOWN_GRACE_SECONDS: "0.3" });
  await until(() => dispatcher.logs.some(({ msg }) => msg?.startsWith("could not store the outcome")));
  await dispatcher.stop();
  expect(
    dispatcher.logs.find(({ msg }) => msg === "the outcome of a request was lost: it could not be stored"),
  ).toMatchObject({
    task_id: id,
    request: "submit",
    outcome: { kind: "accepted" },
  });
});

test("tasks whose connections are cut ten times a second are each sent once", async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, () => bench.submit()));
  bench.scheduler.answer(async () => {
    await pause(30);
    return 202;
  });
  const [first, second] = [await bench.start(quick), await bench.start(quick)];
  for (let cut = 0; cut < 50; cut += 1) {
    // The test's own connection is spared.
    await bench.redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await pause(100);
  }
  const isRunning = async (id: string) => (await bench.record(id)).status === "running";
  await until(async () => (await Promise.all(ids.map(isRunning))).every(Boolean), { timeoutMs: 40_000 });
  expect([...bench.scheduler.ids("submit")].sort()).toEqual([...ids].sort());
  expect([...first.logs, ...second.logs].filter(({ msg }) => msg === "dispatcher fault")).toEqual([]);
}, 60_000);

test("an outcome is stored although the lease was lost, as long as nobody has begun another attempt", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  bench.scheduler.answer(() => promise);
  const id = await bench.submit();
  const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "5" });
  await until(() => bench.scheduler.requests.length === 1);
  await change(bench.context, id, { sidecar: { lease: "other", leaseUntil: Date.now() + 60_000 } });
  await bench.redis.client.zadd(keys.leases, Date.now() + 60_000, "other");
  resolve(202);
  await until(async () => (await bench.sidecar(id)).phase === "sent");
  expect(await bench.sidecar(id)).toMatchObject({ lease: "other" });
  expect(await bench.record(id)).toMatchObject({ status: "running" });
  await dispatcher.stop();
});
