import { startLocalServer } from "../../local/server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { describeBehaviour } from "./behaviour.ts";
import { environmentOf, overHttp } from "./runtime.ts";

describeBehaviour("the local server", async (settings) => {
  const config = loadConfig(environmentOf(settings));
  const server = await startLocalServer(config, createLogger(config, { write: () => {} }));
  return { send: overHttp(server.address), stop: () => server.stop() };
});
