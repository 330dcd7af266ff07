import {
  createContext,
  createTaskStore,
  sequenceAdvice,
  type TaskStateContext,
  type TaskStore,
} from "../task-state/index.ts";
import type { Config } from "./config.ts";
import { createDeploymentMark, type DeploymentMark } from "./deployment-mark.ts";
import type { Logger } from "./logger.ts";
import { connectRedis, type RedisConnections } from "./redis.ts";
import { createUnreadableLog } from "./unreadable-log.ts";
import { createWakeUp, wakingStore } from "./wake-up.ts";

/** What the functions of a process share. */
export interface Services {
  readonly config: Config;
  readonly log: Logger;
  readonly redis: RedisConnections;
  readonly deployment: DeploymentMark;
  readonly context: TaskStateContext;
  readonly store: TaskStore;
}

/**
 * Opens the connections that a configuration names and builds the store over them.
 * @param isLocalTimeZone true when the process runs in the time zone of its records
 */
export function createServices(config: Config, log: Logger, isLocalTimeZone = false): Services {
  const redis = connectRedis(config, log);
  const deployment = createDeploymentMark(config, redis.primary, log);
  const count = config.redisWaitReplicas;
  const context = createContext({
    primary: redis.primary,
    replica: redis.replica,
    ...(count > 0 ? { replication: { writer: redis.openWriter(), count } } : {}),
    ttlSeconds: config.taskTtlSeconds,
    idempotencyTtlSeconds: config.idempotencyTtlSeconds,
    timeZone: config.timeZone,
    isLocalTimeZone,
    onUnreadable: createUnreadableLog(log),
    onSequenceFault: (fault) => log.error({ fault }, sequenceAdvice(fault)),
  });
  const store = createTaskStore(context);
  const { dispatcherUrl, wakeUpTokens } = config;
  const waking =
    dispatcherUrl === undefined ? store : wakingStore(store, createWakeUp(dispatcherUrl, log, wakeUpTokens));
  return { config, log, redis, deployment, context, store: waking };
}
