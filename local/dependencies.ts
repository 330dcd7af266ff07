import { join } from "node:path";
import { httpFunctions } from "../functions/index.ts";
import { type Config, loadConfig, variables } from "../shared/config.ts";
import { createLogOutput } from "../shared/log-output.ts";
import { createLogger, type Logger } from "../shared/logger.ts";
import { maskUrl } from "../shared/mask.ts";
import { checkExposure, isWeakToken } from "../shared/runtime/exposure.ts";
import { createServices } from "../shared/services.ts";
import { startDevelopmentScheduler } from "./development-scheduler/server.ts";
import { startPrivateRedis } from "./private-redis.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Redis and scheduler for trying the service, and the environment with their addresses. */
export interface Dependencies {
  /** The given environment with the addresses of everything that was started. */
  readonly environment: Environment;
  readonly log: Logger;
  /** The addresses of all parts, one line each. */
  readonly lines: readonly string[];
  /** Tolerates being called twice. */
  stop(): Promise<void>;
}

/** Defaults that differ from the cluster: a readable log and a short grace period. */
const developmentDefaults: Environment = {
  [variables.logJson.name]: "false",
  [variables.shutdownGraceSeconds.name]: "1",
};

/**
 * Uses the configured Redis and scheduler, or starts a private Redis in `.dms/redis` of `directory` and a development
 * scheduler.
 * @throws ConfigError before anything is started, also when other machines could reach operator endpoints with a weak token
 */
export async function startDependencies(environment: Environment, directory: string): Promise<Dependencies> {
  const given: Record<string, string | undefined> = { ...developmentDefaults, ...environment };
  // Configuration errors are reported before anything is started.
  const asked = loadConfig(given);
  // With a weak token, only this machine may reach the operator endpoints.
  if (asked.operatorTokens.some(isWeakToken)) given[variables.host.name] ??= "127.0.0.1";
  checkExposure(loadConfig(given), httpFunctions);
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const ownRedis = given[variables.redisWriteUrl.name] === undefined;
    if (ownRedis) {
      const redis = await startPrivateRedis(join(directory, ".dms", "redis"));
      stops.push(() => redis.stop());
      given[variables.redisWriteUrl.name] = redis.url;
      given[variables.redisReadUrl.name] = redis.url;
    }
    const log = await developmentLogger(asked);
    const ownScheduler = given[variables.schedulerBaseUrl.name] === undefined;
    if (ownScheduler) {
      const services = createServices(loadConfig(given), log);
      stops.push(async () => services.redis.close());
      await services.redis.untilReady();
      if (services.redis.primary.status !== "ready") throw new Error(unreachable(given));
      const scheduler = await startDevelopmentScheduler({ store: services.store, redis: services.redis.primary, log });
      stops.push(() => scheduler.stop());
      given[variables.schedulerBaseUrl.name] = scheduler.url;
      for (const endpoint of [variables.schedulerTaskEndpoint, variables.schedulerCancelEndpoint]) {
        given[endpoint.name] = endpoint.default;
      }
    }
    const { redisWriteUrl, schedulerBaseUrl } = loadConfig(given);
    const lines = [
      `  Redis      ${maskUrl(redisWriteUrl)}${ownRedis ? " (private, data in .dms/redis)" : ""}`,
      `  scheduler  ${maskUrl(schedulerBaseUrl)}${ownScheduler ? " (for development: it moves no data)" : ""}`,
    ];
    return { environment: given, log, lines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function unreachable(environment: Environment): string {
  const { redisWriteUrl, schedulerBaseUrl } = variables;
  return (
    `${redisWriteUrl.name}=${maskUrl(environment[redisWriteUrl.name] ?? "")} is unavailable, and the development ` +
    `scheduler stores its jobs there: start that Redis, or set ${schedulerBaseUrl.name} to use another scheduler`
  );
}

async function developmentLogger(config: Config): Promise<Logger> {
  if (config.logJson) return createLogger(config);
  const { prettyFactory } = await import("pino-pretty");
  const format = prettyFactory({ translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname,app", singleLine: true });
  return createLogger(config, createLogOutput({ format }));
}
