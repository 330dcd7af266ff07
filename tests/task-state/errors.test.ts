import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import {
  createContext,
  createTaskStore,
  isUnavailable,
  TaskStateError,
  unavailabilityOf,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, contents, openStore } from "./support.ts";

const redis = useRedis();

async function failureOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
}

test("a Redis that nobody can reach is unavailable", async () => {
  const lost = new Redis({
    port: await freePort(),
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    retryStrategy: () => null,
  });
  lost.on("error", () => {});
  const store = createTaskStore(createContext({ primary: lost }));
  expect(isUnavailable(await failureOf(store.get("1")))).toBe(true);
  expect(isUnavailable(await failureOf(store.submit(alice, {})))).toBe(true);
  lost.disconnect();
});

test("a closed connection is unavailable", async () => {
  const connection = redis.connect();
  await connection.ping();
  const { store } = openStore(redis, { primary: connection });
  connection.disconnect();
  expect(isUnavailable(await failureOf(store.submit(alice, {})))).toBe(true);
});

test("a replica that was taken for the primary is unavailable, and nothing is written", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  const before = await contents(redis.client);
  await redis.client.replicaof("127.0.0.1", await freePort());
  try {
    const actions = [() => store.submit(alice, {}), () => store.cancel("1"), () => store.delete("1")];
    for (const action of actions) expect(isUnavailable(await failureOf(action()))).toBe(true);
    expect(await store.get("1")).toBeDefined();
  } finally {
    await redis.client.replicaof("NO", "ONE");
  }
  expect(await contents(redis.client)).toEqual(before);
});

test.each([["min-replicas-to-write", "1"] as const, ["maxmemory", "1"] as const])(
  "a transaction that Redis discards because of %s is unavailable",
  async (setting, refusing) => {
    await redis.client.config("SET", setting, refusing);
    try {
      const failure = await failureOf(redis.client.multi().zrem("a", "1").zadd("a", 1, "1").exec());
      expect(failure).toMatchObject({ message: expect.stringMatching(/^EXECABORT/) });
      expect(isUnavailable(failure)).toBe(true);
    } finally {
      await redis.client.config("SET", setting, "0");
    }
  },
);

test("a transaction that Redis discards because of a wrong command is not", async () => {
  const failure = await failureOf(redis.client.multi().call("nonsense").exec());
  expect(failure).toMatchObject({ message: expect.stringMatching(/^EXECABORT/) });
  expect(isUnavailable(failure)).toBe(false);
});

test.each([
  ["LOADING Redis is loading the dataset in memory", "refused"],
  ["MASTERDOWN Link with MASTER is down", "refused"],
  ["MISCONF Errors writing to the AOF file", "refused"],
  ["NOAUTH Authentication required.", "refused"],
  ["NOPERM User dms has no permissions to run the 'wait' command", "refused"],
  ["ERR max number of clients reached", "refused"],
  ["connect ECONNREFUSED 127.0.0.1:6379", "unreachable"],
  ["Stream isn't writeable and enableOfflineQueue options is false", "unreachable"],
  ["Command timed out", "reply_lost"],
  ["Connection is closed.", "reply_lost"],
  ["Command aborted due to connection close", "reply_lost"],
  ["Reached the max retries per request limit (which is 0).", "reply_lost"],
])("%s means unavailable: %s", (message, kind) => {
  expect(isUnavailable(new Error(message))).toBe(true);
  expect(unavailabilityOf(new Error(message))).toBe(kind);
});

test.each([
  new Error("WRONGTYPE Operation against a key holding the wrong kind of value"),
  new Error("ERR wrong number of arguments"),
  new Error("NOSCRIPT No matching script."),
  new TaskStateError("contended", "Task 1 is being changed by others"),
  new TypeError("fetch failed"),
  "ECONNREFUSED",
  undefined,
])("%s does not", (error) => {
  expect(isUnavailable(error)).toBe(false);
});

test("an error of this library says what kind it is", () => {
  const error = new TaskStateError("contended", "what?");
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "TaskStateError", code: "contended", message: "what?" });
});
