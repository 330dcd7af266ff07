import { join } from "node:path";
import { httpFunctions } from "../functions/index.ts";
import { type Config, loadConfig, variables } from "../shared/config.ts";
import { createLogger, type Logger } from "../shared/logger.ts";
import { maskUrl } from "../shared/mask.ts";
import { checkExposure, isWeakToken } from "../shared/runtime/exposure.ts";
import { createServices } from "../shared/services.ts";
import { startDevelopmentScheduler } from "./development-scheduler/server.ts";
import { startPrivateRedis } from "./private-redis.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Redis and scheduler for a person who tries the service, and what its processes have to know of them. */
export interface Surroundings {
  /** The given environment with everything that was started in it. */
  readonly environment: Environment;
  readonly log: Logger;
  /** What stands where, a line each. */
  readonly lines: readonly string[];
  /** Tolerates being called twice. */
  stop(): Promise<void>;
}

/** What differs from the cluster where nothing else is set: people read the log, and Ctrl-C is quick. */
const developmentDefaults: Environment = {
  [variables.logJson.name]: "false",
  [variables.shutdownGraceSeconds.name]: "1",
};

/**
 * Uses the configured Redis and scheduler, and starts a private Redis under `.dms/redis` of `directory` and a development
 * scheduler where none is configured.
 * @throws ConfigError before anything is started, also where others could reach the operator's endpoints with a weak token
 */
export async function startSurroundings(environment: Environment, directory: string): Promise<Surroundings> {
  const given: Record<string, string | undefined> = { ...developmentDefaults, ...environment };
  // Faults are told before anything is started.
  const asked = loadConfig(given);
  // With a token that anybody can guess, only this machine may reach the operator's endpoints.
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
      `  scheduler  ${maskUrl(schedulerBaseUrl)}${ownScheduler ? " (for development: it moves nothing)" : ""}`,
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
    `${redisWriteUrl.name}=${maskUrl(environment[redisWriteUrl.name] ?? "")} cannot be reached, and the development ` +
    `scheduler keeps its jobs there: start that Redis, or set ${schedulerBaseUrl.name} to go on without one`
  );
}

async function developmentLogger(config: Config): Promise<Logger> {
  if (config.logJson) return createLogger(config);
  const { PinoPretty } = await import("pino-pretty");
  return createLogger(
    config,
    PinoPretty({ translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname,app", singleLine: true }),
  );
}
