import { createSchedulerClient, policyOf, runDispatcher } from "../../functions/background/dispatcher/index.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { createServices } from "../../shared/services.ts";
import { serve } from "./serve.ts";
import { startAndStop } from "./start-and-stop.ts";

/** A resident dispatcher. Questions: `start`, and `stop`, which is answered when nothing is in flight. */
await serve(async (settings) => {
  const config = loadConfig(settings);
  const services = createServices(config, createLogger(config));
  await services.redis.untilReady(2000);
  const blocking = services.redis.openBlocking();
  const client = createSchedulerClient(config, config.eventWorkerCount);
  const options = {
    ...services,
    client,
    policy: policyOf(config),
    concurrency: config.eventWorkerCount,
    shutdownGrace: config.shutdownGraceSeconds * 1000,
  };
  return startAndStop(() => {
    const stopping = new AbortController();
    const running = runDispatcher(options, blocking, stopping.signal);
    return async () => {
      stopping.abort();
      await running;
    };
  });
});
