import { startLocalServer } from "../../local/server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { serve } from "./serve.ts";

/** The local server with all functions. */
await serve(async (settings) => {
  const config = loadConfig(settings);
  return startLocalServer(config, createLogger(config));
});
