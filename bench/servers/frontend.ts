import { startLocalServer } from "../../local/server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { serve } from "./serve.ts";

/** The whole service as it runs locally. */
await serve(async (settings) => {
  const config = loadConfig(settings);
  return startLocalServer(config, createLogger(config));
});
