import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import type { Fault } from "./history/fault.ts";
import { type Lab, openLab } from "./history/lab.ts";
import { faultKinds } from "./history/plan.ts";
import { randomFor } from "./support/run.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await openLab({ dispatchers: 1 });
}, 90_000);
afterAll(() => lab?.close());

/** How long a fault lasts here, in ms. */
const ms = 700;

function faultOf(name: string): Fault {
  const found = faultKinds.find((kind) => kind.name === name);
  if (!found) throw new Error(`no fault is called ${name}`);
  return found;
}

async function play(name: string): Promise<void> {
  const context = { lab, random: randomFor(name), ms, tickets: [], silent: false };
  await (await faultOf(name).plan(context))?.play();
}

/** A connection as the product has it: as the user `default`, over the wire of the API. */
function product(): Redis {
  const redis = new Redis(lab.api.wire.port, "127.0.0.1", {
    retryStrategy: () => 20,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 200,
  });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

const write = (redis: Redis) => redis.eval("return redis.call('SET', KEYS[1], '1', 'EX', 5)", 1, "dms:probe");
const failure = (redis: Redis) => write(redis).then(() => "", String);

describe.each([
  ["oom", /OOM command not allowed/],
  ["readonly", /READONLY/],
  ["misconf", /MISCONF/],
  ["noreplicas", /NOREPLICAS/],
  ["full disk", /MISCONF/],
  ["loading", /LOADING|closed|writeable/],
  ["cut", /closed|writeable|ECONNREFUSED/],
  ["stalled", /timed out/],
  ["answers lost", /timed out/],
  ["answers late", /timed out/],
  ["requests late", /timed out/],
  ["client pause all", /timed out/],
  ["client pause write", /timed out/],
  ["client kill", /closed|writeable/],
] as const)("while %s lasts", (name, error) => {
  test("the product's writes fail for that reason, and then succeed again", async (context) => {
    if (faultOf(name).possible?.(lab) === false) return context.skip();
    const redis = product();
    await until(async () => (await failure(redis)) === "");
    const played = play(name);
    await until(async () => error.test(await failure(redis)), { timeoutMs: 4000 });
    await played;
    await until(async () => (await failure(redis)) === "");
  });
});

test("a clock that steps is Redis's own", async (context) => {
  if (lab.redis.clock === undefined) return context.skip();
  const offset = async () => {
    const [seconds, micros] = await lab.redis.client.time();
    return Math.round(Number(seconds) + Number(micros) / 1e6 - Date.now() / 1000);
  };
  const before = await offset();
  await play("redis clock step");
  expect([60, 3600]).toContain(Math.abs((await offset()) - before));
});

test("a Redis that is killed comes back with what it had", async () => {
  await lab.redis.client.set("dms:probe", "kept");
  await play("redis killed");
  expect(await lab.redis.client.get("dms:probe")).toBe("kept");
});

test.each(["dispatcher killed", "dispatcher stopped", "api killed"])(
  "after %s the process listens again",
  async (name) => {
    await play(name);
    const victim = name.startsWith("api") ? lab.api : lab.dispatchers[0];
    const { process } = victim ?? lab.api;
    // It may first have to find back to Redis.
    await until(async () => (await fetch(`${process.address}/healthz`)).status === 200, { timeoutMs: 20_000 });
  },
  60_000,
);
