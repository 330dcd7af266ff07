import type { Config, Environment } from "../config.ts";
import { buildApp } from "../http/app.ts";
import type { HttpFunction } from "../http/function.ts";
import type { Logger } from "../logger.ts";
import { createServices } from "../services.ts";
import { closeApp } from "./close-app.ts";
import { checkExposure } from "./exposure.ts";
import { addLiveness } from "./liveness.ts";
import { runProcess, type Service } from "./process.ts";
import { addReadiness } from "./readiness.ts";
import { reportMissingRights, rolesOf } from "./rights.ts";
import { adoptTimeZone } from "./time-zone.ts";

/** A server on its own port. */
export interface FunctionServer extends Service {
  /** The URL on which it listens, e.g. `http://0.0.0.0:8080`. */
  readonly address: string;
}

/** Serves functions in their own process, as Knative runs them: on `$PORT`, until SIGTERM. */
export function runServer(functions: readonly HttpFunction[], environment: Environment): Promise<void> {
  return runProcess(environment, (config, log) => startServer(functions, config, log));
}

/** Serves functions on `PORT`, and beside them `/livez` and `/readyz`. */
export async function startServer(
  functions: readonly HttpFunction[],
  config: Config,
  log: Logger,
): Promise<FunctionServer> {
  checkExposure(config, functions);
  const services = createServices(config, log, adoptTimeZone(config.timeZone));
  const roles = rolesOf(functions);
  reportMissingRights(services, roles);
  const app = buildApp(functions, services);
  addLiveness(app);
  addReadiness(app, services, roles);
  await Promise.all([app.ready(), services.redis.untilReady()]);
  const address = await app.listen({ host: config.host, port: config.functionPort });
  log.info({ address }, "listening");
  return {
    address,
    async stop() {
      await closeApp(app, config.shutdownGraceSeconds);
      services.redis.close();
    },
  };
}
