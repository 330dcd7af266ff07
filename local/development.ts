import { join } from "node:path";
import { type Config, loadConfig, variables } from "../shared/config.ts";
import { createLogger, type Logger } from "../shared/logger.ts";
import { maskUrl } from "../shared/mask.ts";
import { isWeakToken } from "../shared/runtime/exposure.ts";
import { createServices } from "../shared/services.ts";
import { startDevelopmentScheduler } from "./development-scheduler/server.ts";
import { startPrivateRedis } from "./private-redis.ts";
import { type LocalServer, startLocalServer } from "./server.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Development {
  readonly config: Config;
  readonly server: LocalServer;
  /** What stands where, for a person to read. */
  readonly banner: string;
  stop(): Promise<void>;
}

/** What differs from the cluster where nothing else is set: people read the log, and Ctrl-C is quick. */
const developmentDefaults: Environment = {
  [variables.logJson.name]: "false",
  [variables.shutdownGraceSeconds.name]: "1",
};

/**
 * Starts everything that a person needs to try the service: the local server on the configured Redis and scheduler, or on
 * a private Redis under `.dms/redis` of `directory` and a development scheduler where none is configured.
 */
export async function startDevelopment(environment: Environment, directory: string): Promise<Development> {
  const given: Record<string, string | undefined> = { ...developmentDefaults, ...environment };
  // Faults are told before anything is started.
  const asked = loadConfig(given);
  // With a token that anybody can guess, only this machine may reach the operator's endpoints.
  if (asked.operatorTokens.some(isWeakToken)) given[variables.host.name] ??= "127.0.0.1";
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
      await services.redis.untilReady(2000);
      const scheduler = await startDevelopmentScheduler({ store: services.store, redis: services.redis.primary, log });
      stops.push(() => scheduler.stop());
      given[variables.schedulerBaseUrl.name] = scheduler.url;
      for (const endpoint of [variables.schedulerTaskEndpoint, variables.schedulerCancelEndpoint]) {
        given[endpoint.name] = endpoint.default;
      }
    }
    const config = loadConfig(given);
    const server = await startLocalServer(config, log);
    stops.push(() => server.stop());
    return { config, server, stop, banner: describe(config, server, { ownRedis, ownScheduler }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function developmentLogger(config: Config): Promise<Logger> {
  if (config.logJson) return createLogger(config);
  const { PinoPretty } = await import("pino-pretty");
  return createLogger(
    config,
    PinoPretty({ translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname,app", singleLine: true }),
  );
}

function describe(config: Config, server: LocalServer, own: { ownRedis: boolean; ownScheduler: boolean }): string {
  const port = new URL(server.address).port;
  const api = `http://localhost:${port}${config.apiPrefix}`;
  return [
    "",
    `${config.appName} listens on http://${config.host}:${port}${config.apiPrefix}`,
    `  Redis      ${maskUrl(config.redisWriteUrl)}${own.ownRedis ? " (private, data in .dms/redis)" : ""}`,
    `  scheduler  ${maskUrl(config.schedulerBaseUrl)}${own.ownScheduler ? " (for development: it moves nothing)" : ""}`,
    ...(config.eventWorkerCount === 0 ? ["  dispatcher none: DMS_EVENT_WORKER_COUNT is 0"] : []),
    "",
    "Try:",
    `  curl -X POST "${api}/services/sync/users/alice/tasks?src=/home/gpu1&dst=/scratch"`,
    "",
    "Ctrl-C stops it.",
    "",
  ].join("\n");
}
