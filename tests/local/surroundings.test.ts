import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { startSurroundings } from "../../local/surroundings.ts";
import { ConfigError } from "../../shared/config.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

test("others do not reach the operator's endpoints with a token that can be guessed", async () => {
  const directory = mkdtempSync(join(inject("runDirectory"), "surroundings-"));
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1" };
  const publicly = { ...environment, DMS_CLI_DEFAULT_HOST: "0.0.0.0" };
  await expect(startSurroundings(publicly, directory)).rejects.toThrow(ConfigError);
  const strong = { ...publicly, DMS_OPERATOR_TOKEN: "0123456789abcdef" };
  await (await startSurroundings(strong, directory)).stop();
  await (await startSurroundings(environment, directory)).stop();
});
