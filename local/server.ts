import { setMaxListeners } from "node:events";
import { createSchedulerClient, policyOf, runDispatcher } from "../functions/background/dispatcher/index.ts";
import { runJanitor } from "../functions/background/janitor/janitor.ts";
import { httpFunctions } from "../functions/index.ts";
import type { Config } from "../shared/config.ts";
import { buildApp } from "../shared/http/app.ts";
import type { Logger } from "../shared/logger.ts";
import { createServices } from "../shared/services.ts";

export interface LocalServer {
  /** Where it listens, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Stops taking requests and work, finishes what is under way within the grace, and closes everything. */
  stop(): Promise<void>;
}

/** How long a start waits for Redis before it listens all the same and answers 503, in ms. */
const redisPatience = 2000;

/** Serves every function in this process, with a resident dispatcher (unless its worker count is 0) and janitor. */
export async function startLocalServer(config: Config, log: Logger): Promise<LocalServer> {
  const services = createServices(config, log);
  const { redis } = services;
  const app = buildApp(httpFunctions, services);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  await redis.untilReady(redisPatience);
  const background: Promise<unknown>[] = [runJanitor(services, config.janitorIntervalSeconds, stopping.signal)];
  if (config.eventWorkerCount > 0) background.push(dispatch(config, services, stopping.signal));
  try {
    const address = await app.listen({ host: config.host, port: config.port });
    return { address, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function stop(): Promise<void> {
    stopping.abort();
    // A connection that falls idle only now is not closed by itself, and one that never finishes its request never is.
    const idle = setInterval(() => app.server.closeIdleConnections(), 50);
    const patience = setTimeout(() => app.server.closeAllConnections(), config.shutdownGraceSeconds * 1000);
    await Promise.all([app.close(), ...background]);
    clearInterval(idle);
    clearTimeout(patience);
    redis.close();
  }
}

async function dispatch(
  config: Config,
  { context, log, redis }: ReturnType<typeof createServices>,
  signal: AbortSignal,
): Promise<void> {
  const client = createSchedulerClient(config, config.eventWorkerCount);
  const options = {
    context,
    client,
    log,
    policy: policyOf(config),
    concurrency: config.eventWorkerCount,
    shutdownGrace: config.shutdownGraceSeconds * 1000,
  };
  await runDispatcher(options, redis.openBlocking(), signal);
  await client.close();
}
