import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { onTestFinished, test } from "vitest";
import { createSchedulerClient, policyOf, runDispatcher } from "../../functions/background/dispatcher/index.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { createContext, keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { createPlay, judgement } from "./support/play.ts";
import { openStage, type Stage } from "./support/stage.ts";

/** With leases of less than a second. */
const short = { DMS_REQUEST_TIMEOUT_SECONDS: "0.1", DMS_DISPATCH_GRACE_SECONDS: "0.1" };
/** How late a dispatcher learns that it may send, in ms: long after its lease. */
const lateness = 3000;

test(
  "a dispatcher that learns too late that it may send does not send what another one has taken over",
  async () => {
    const stage = await openStage({ dispatchers: 0, environment: short });
    onTestFinished(() => stage.close());
    const play = createPlay(() => stage);
    let learned = false;
    startDispatcher(stage, (redis) =>
      withLateReplies(redis, "sending", () => {
        learned = true;
      }),
    );
    const { id } = await play.submit("alice", { ms: "4000" });
    await until(async () => (await stage.redis.hget(keys.sidecar(id), "phase")) === "sending");
    await until(async () => Date.now() > Number(await stage.redis.hget(keys.sidecar(id), "leaseUntil")));
    startDispatcher(stage);
    await until(() => learned);
    await play.judge("late answer");
  },
  judgement,
);

/** A dispatcher in this process over its own connections, stopped after the test. */
function startDispatcher({ environment, redisUrl }: Stage, wrap = (redis: Redis) => redis): void {
  const config = loadConfig(environment);
  const [primary, blocking] = [new Redis(redisUrl), new Redis(redisUrl)];
  const client = createSchedulerClient(config, 8);
  const stopping = new AbortController();
  const running = runDispatcher(
    {
      context: createContext({ primary: wrap(primary) }),
      client,
      policy: policyOf(config),
      log: createLogger({ appName: "test", logLevel: "fatal" }),
      concurrency: 8,
      shutdownGrace: 0,
    },
    blocking,
    stopping.signal,
  );
  onTestFinished(async () => {
    stopping.abort();
    await running;
    await client.close();
    for (const redis of [primary, blocking]) redis.disconnect();
  });
}

/** The connection, with the replies to scripts that were given this word coming late; as after a pause of the process. */
function withLateReplies(redis: Redis, word: string, onReply: () => void): Redis {
  const scripts = new Set(["eval", "evalsha"]);
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (typeof name !== "string" || !scripts.has(name)) return value.bind(target);
      return async (...words: unknown[]) => {
        const reply: unknown = await value.apply(target, words);
        if (!words.includes(word)) return reply;
        await pause(lateness);
        onReply();
        return reply;
      };
    },
  });
}
