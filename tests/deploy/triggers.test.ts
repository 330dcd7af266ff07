import { setTimeout as pause } from "node:timers/promises";
import { CloudEvent, HTTP } from "cloudevents";
import { describe, expect, onTestFinished, test } from "vitest";
import dispatcher from "../../functions/background/dispatcher/trigger.ts";
import janitor from "../../functions/background/janitor/trigger.ts";
import health from "../../functions/meta/health.ts";
import { backgroundFunction } from "../../shared/runtime/background/background.ts";
import { startBackgroundServer } from "../../shared/runtime/background/server.ts";
import { createServices } from "../../shared/services.ts";
import { createContext, createTaskStore, keys } from "../../task-state/index.ts";
import { startHttpDouble } from "../support/http-double.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { collectLog, stopAfterTest, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const owner = { service: "sync", user: "alice" };
const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async function start(
  environment: Record<string, string> = {},
  { fn = dispatcher, resident = false, redisUrl = redis.url } = {},
) {
  const config = testConfig(redisUrl, environment);
  const { log, lines } = collectLog(config);
  const server = stopAfterTest(await startBackgroundServer(fn, [health], config, log, resident));
  const trigger = async (init: RequestInit = {}) => {
    const answer = await fetch(server.address, { method: "POST", ...init });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const drains = () => lines.filter(({ msg }) => msg === "dispatcher is running").length;
  return { server, trigger, drains, lines };
}

const store = () => createTaskStore(createContext({ primary: redis.client }));
const statusOf = async (id: string) => JSON.parse((await store().get(id)) ?? "{}").status;

test("a plain POST drains the queue and reports only how much was done", async () => {
  const scheduler = await startHttpDouble();
  await store().submit(owner, {});
  await store().submit(owner, {});
  const { trigger } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url });
  expect(await trigger()).toEqual({ status: 200, body: { handled: 2, left: 0, next_due_seconds: null } });
  expect(await trigger()).toEqual({ status: 200, body: { handled: 0, left: 0, next_due_seconds: null } });
  expect(scheduler.seen).toHaveLength(2);
});

test("the scheduler receives the trace of a submission", async () => {
  const scheduler = await startHttpDouble();
  await store().submit(owner, {}, { trace });
  await store().submitOnce(owner, {}, "a-key", { trace });
  await store().submit(owner, {});
  const { trigger } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url });
  await trigger();
  expect(scheduler.seen.map(({ headers }) => headers.traceparent).sort()).toEqual([trace, trace, undefined]);
});

const event = new CloudEvent({ type: "dev.knative.sources.ping", source: "/a-schedule", data: { check: "now" } });

test.each([
  ["binary", HTTP.binary(event)],
  ["structured", HTTP.structured(event)],
])("a CloudEvent in %s mode triggers a drain as a plain POST does", async (_, message) => {
  const scheduler = await startHttpDouble();
  await store().submit(owner, {});
  const { trigger } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url });
  const headers = message.headers as Record<string, string>;
  expect(await trigger({ headers, body: String(message.body) })).toMatchObject({ status: 200, body: { handled: 1 } });
});

test.each([
  ["binary without a source", { "ce-id": "1", "ce-specversion": "1.0", "ce-type": "a" }, "{}", /'source'$/],
  ["structured that is no JSON", { "content-type": "application/cloudevents+json" }, "{", /JSON/],
])("a CloudEvent in %s is rejected without a drain", async (_, headers, body, fault) => {
  const { trigger, drains } = await start();
  expect(await trigger({ headers, body })).toMatchObject({
    status: 400,
    body: { detail: expect.stringMatching(fault) },
  });
  expect(drains()).toBe(0);
});

test("any number of concurrent triggers causes two drains, the second for work that the first may have missed", async () => {
  const { trigger, drains } = await start();
  const answers = await Promise.all(Array.from({ length: 20 }, () => trigger()));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(drains()).toBe(2);
});

test("a drain whose budget is spent finishes work in flight and leaves the rest in the queue", async () => {
  const held = new Set<() => void>();
  const scheduler = await startHttpDouble((response) => void held.add(() => response.writeHead(202).end("{}")));
  for (let task = 0; task < 5; task += 1) await store().submit(owner, {});
  const config = testConfig(redis.url, { DMS_SCHEDULER_BASE_URL: scheduler.url, DMS_EVENT_WORKER_COUNT: "2" });
  const services = createServices(config, collectLog(config).log);
  onTestFinished(() => services.redis.close());
  await services.redis.untilReady(2000);
  const background = dispatcher.open(services);
  const budget = new AbortController();
  const run = background.run({ signal: budget.signal, finishMs: 10_000 });
  await until(() => held.size === 2);
  budget.abort();
  for (const release of held) release();
  expect(await run).toEqual({ handled: 2, left: 3, nextDueSeconds: null, complete: false });
  expect(await redis.client.xpending(keys.work, "dispatchers")).toEqual([0, null, null, null]);
  await background.close();
});

test("an unfinished run asks its trigger to retry", async () => {
  const unfinished = backgroundFunction({
    name: "unfinished",
    summary: "Never completes",
    open: () => ({
      run: async () => ({ handled: 2, left: 3, nextDueSeconds: 7, complete: false }),
      runResident: async () => {},
      close: async () => {},
    }),
  });
  const { trigger } = await start({}, { fn: unfinished });
  const body = { handled: 2, left: 3, next_due_seconds: 7, detail: expect.any(String) };
  expect(await trigger()).toMatchObject({ status: 503, body });
});

test("a function with a longer maximum run time is not limited by the dispatcher's budget", async () => {
  const patient = backgroundFunction({
    name: "patient",
    summary: "Takes longer than a drain may",
    maxRunSeconds: 60,
    open: () => ({
      run: async ({ signal }) => {
        await pause(300);
        return { handled: 0, left: 0, nextDueSeconds: null, complete: !signal.aborted };
      },
      runResident: async () => {},
      close: async () => {},
    }),
  });
  const { trigger } = await start({ DMS_DRAIN_BUDGET_SECONDS: "0.1" }, { fn: patient });
  expect(await trigger()).toMatchObject({ status: 200 });
});

test("without Redis the answer is 503 at once", async () => {
  const { trigger } = await start({}, { redisUrl: "redis://127.0.0.1:1/0" });
  expect(await trigger()).toMatchObject({ status: 503 });
});

test("a process that ends in a drain records what it has cut off, and reports to its trigger", async () => {
  const scheduler = await startHttpDouble(() => {});
  const id = await store().submit(owner, {});
  const { server, trigger } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url });
  const answer = trigger();
  await until(() => scheduler.seen.length === 1);
  await server.stop();
  expect(await answer).toMatchObject({ status: 503, body: { handled: 1 } });
  expect(await redis.client.xpending(keys.work, "dispatchers")).toEqual([0, null, null, null]);
  expect(await statusOf(id)).toBe("dispatching");
});

test("a drain reports when the next task is due", async () => {
  const scheduler = await startHttpDouble((response) => response.writeHead(503, { "retry-after": "120" }).end("{}"));
  await store().submit(owner, {});
  const { trigger } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url });
  const { status, body } = await trigger();
  expect([status, body.handled, body.left]).toEqual([200, 1, 0]);
  expect(body.next_due_seconds).toBeGreaterThan(110);
});

test("a resident dispatcher works without triggers, and accepts none", async () => {
  const scheduler = await startHttpDouble();
  const { server } = await start({ DMS_SCHEDULER_BASE_URL: scheduler.url }, { resident: true });
  const id = await store().submit(owner, {});
  await until(async () => (await statusOf(id)) === "running");
  expect((await fetch(server.address, { method: "POST" })).status).toBe(404);
  expect((await fetch(`${server.address}/healthz`)).status).toBe(200);
});

test("a trigger of the janitor repairs what another program has left behind", async () => {
  const id = await store().submit(owner, {});
  await redis.client.del(keys.record(id));
  const { trigger } = await start({}, { fn: janitor });
  const { status, body } = await trigger();
  expect([status, body.left]).toEqual([200, 0]);
  expect(await redis.client.sismember(keys.tasks, id)).toBe(0);
});

describe("with a wake-up token", () => {
  const tokens = ["the-old-token-of-the-test", "the-new-token-of-the-test"];
  const environment = { DMS_WAKE_UP_TOKEN: tokens.join(",") };

  test.each([
    ["none", {}],
    ["an empty one", { "x-wake-up-token": "" }],
    ["a wrong one", { "x-wake-up-token": "the-old-token-of-the-tess" }],
    ["several in one", { "x-wake-up-token": tokens.join(",") }],
  ])("a call with %s is refused without a run, of the dispatcher and of the janitor", async (_, headers) => {
    for (const fn of [dispatcher, janitor]) {
      const { trigger, drains, server } = await start(environment, { fn });
      expect(await trigger({ headers, body: "{" })).toMatchObject({ status: 401, body: { title: "Unauthorized" } });
      expect(drains()).toBe(0);
      expect((await fetch(`${server.address}/livez`)).status).toBe(200);
    }
  });

  test.each(tokens)("a call with each of the tokens triggers a run", async (token) => {
    const { trigger } = await start(environment);
    expect(await trigger({ headers: { "x-wake-up-token": token } })).toMatchObject({ status: 200 });
  });

  test("no log line contains a token", async () => {
    const { trigger, lines } = await start({ ...environment, DMS_LOG_LEVEL: "DEBUG" });
    for (const token of tokens) await trigger({ headers: { "x-wake-up-token": `${token}x` } });
    await trigger({ headers: { "x-wake-up-token": tokens[0] ?? "" } });
    expect(lines.length).toBeGreaterThan(2);
    expect(JSON.stringify(lines)).not.toMatch(/token-of-the-test/);
  });

  test("a submission sends the first token, and a refused call is a warning that names no token", async () => {
    const { server, drains } = await start(environment);
    const wake = (more: Record<string, string>) =>
      startServiceForTest(redis.url, { DMS_DISPATCHER_URL: server.address, ...more });
    const service = await wake(environment);
    expect((await service.post("/services/sync/users/alice/tasks")).status).toBe(202);
    await until(() => drains() === 1);
    const stranger = await wake({ DMS_WAKE_UP_TOKEN: "a-token-of-somebody-else" });
    expect((await stranger.post("/services/sync/users/alice/tasks")).status).toBe(202);
    await until(() => stranger.logs.some(({ cause }) => cause === "it answered 401"));
    expect(JSON.stringify(stranger.logs)).not.toContain("somebody-else");
    expect(drains()).toBe(1);
  });
});
