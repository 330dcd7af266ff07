import { setMaxListeners } from "node:events";
import dispatcher from "../functions/background/dispatcher/trigger.ts";
import janitor from "../functions/background/janitor/trigger.ts";
import { httpFunctions } from "../functions/index.ts";
import type { Config } from "../shared/config.ts";
import { buildApp } from "../shared/http/app.ts";
import type { Logger } from "../shared/logger.ts";
import { allocateYoung } from "../shared/runtime/allocation.ts";
import { closeApp } from "../shared/runtime/close-app.ts";
import { checkExposure } from "../shared/runtime/exposure.ts";
import { addLiveness } from "../shared/runtime/liveness.ts";
import { addReadiness } from "../shared/runtime/readiness.ts";
import { reportMissingRights, rolesOf } from "../shared/runtime/rights.ts";
import { createServices } from "../shared/services.ts";

export interface LocalServer {
  /** The URL on which it listens, e.g. `http://127.0.0.1:8000`. */
  readonly address: string;
  /** Stops accepting requests, finishes work in flight within the grace period, and closes all connections. */
  stop(): Promise<void>;
}

/** Serves every function in this process, with a resident dispatcher (unless its worker count is 0) and janitor. */
export async function startLocalServer(config: Config, log: Logger): Promise<LocalServer> {
  checkExposure(config, httpFunctions);
  const services = createServices(config, log);
  const { redis } = services;
  const resident = config.eventWorkerCount > 0 ? [janitor, dispatcher] : [janitor];
  const roles = [...rolesOf(httpFunctions), ...resident.flatMap(({ roles = [] }) => roles)];
  reportMissingRights(services, roles);
  const app = buildApp(httpFunctions, services);
  addLiveness(app);
  addReadiness(app, services, roles);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  await redis.untilReady();
  const background = resident.map(async (fn) => {
    const opened = fn.open(services);
    await opened.runResident(stopping.signal);
    await opened.close();
  });
  try {
    const address = await app.listen({ host: config.host, port: config.port });
    allocateYoung();
    return { address, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await Promise.all([closeApp(app, config.shutdownGraceSeconds), ...background]);
    redis.close();
  }
}
