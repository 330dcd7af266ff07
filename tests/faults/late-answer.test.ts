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

test.each([
  ["by its claim", {}],
  ["by a commit", { DMS_DISPATCH_RATE_PER_SECOND: "1000" }],
])(
  "a dispatcher that learns too late that a task was begun %s does not send what another one has taken over",
  async (_, caps) => {
    const stage = await openStage({ dispatchers: 0, environment: { ...short, ...caps } });
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
  const isLate = (words: readonly unknown[]) => words.some((given) => String(given).includes(word));
  const delay = async () => {
    await pause(lateness);
    onReply();
  };
  const run = (script: "eval" | "evalsha") => {
    return async (...words: [string, number, ...(string | number)[]]) => {
      const reply = await redis[script](...words);
      // The source of a script names what its arguments may be.
      if (isLate(words.slice(1))) await delay();
      return reply;
    };
  };
  const pipeline = () => {
    const given = redis.pipeline();
    let late = false;
    return {
      evalsha(...words: [string, number, ...(string | number)[]]) {
        late ||= isLate(words);
        given.evalsha(...words);
        return this;
      },
      async exec() {
        const replies = await given.exec();
        if (late) await delay();
        return replies;
      },
    };
  };
  const changed: Record<string, unknown> = { eval: run("eval"), evalsha: run("evalsha"), pipeline };
  return new Proxy(redis, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(changed, name)) return changed[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
