import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { startSurroundings } from "../../local/surroundings.ts";
import { ConfigError } from "../../shared/config.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

const quiet = { DMS_LOG_JSON: "true", DMS_LOG_LEVEL: "CRITICAL" };

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dms-surroundings-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("where Redis and scheduler are configured, nothing is started and nothing written", async () => {
  const directory = await makeDirectory();
  const given = {
    ...quiet,
    DMS_REDIS_WRITE_URL: "redis://:secret@127.0.0.1:9/0",
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9/base",
    DMS_SCHEDULER_TASK_ENDPOINT: "/tasks/task",
  };
  const { lines, environment, stop } = await startSurroundings(given, directory);
  onTestFinished(stop);
  expect(lines).toEqual(["  Redis      redis://:***@127.0.0.1:9/0", "  scheduler  http://127.0.0.1:9/base"]);
  expect(environment).toMatchObject(given);
  expect(existsSync(join(directory, ".dms"))).toBe(false);
});

test("a Redis that is away is told by name, without its password, where the development scheduler needs it", async () => {
  const port = await freePort();
  const environment = { ...quiet, DMS_REDIS_WRITE_URL: `redis://:secret@127.0.0.1:${port}/0` };
  await expect(startSurroundings(environment, await makeDirectory())).rejects.toThrow(
    `DMS_REDIS_WRITE_URL=redis://:***@127.0.0.1:${port}/0 cannot be reached`,
  );
});

test("faults of the configuration are told before anything is started", async () => {
  const directory = await makeDirectory();
  await expect(startSurroundings({ DMS_TIMEZONE: "Mars/Base", DMS_LOG_LEVEL: "loud" }, directory)).rejects.toThrow(
    ConfigError,
  );
  expect(existsSync(join(directory, ".dms"))).toBe(false);
});

test("others do not reach the operator's endpoints with a token that can be guessed", async () => {
  const directory = await makeDirectory();
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1" };
  const publicly = { ...environment, DMS_CLI_DEFAULT_HOST: "0.0.0.0" };
  await expect(startSurroundings(publicly, directory)).rejects.toThrow(ConfigError);
  const strong = { ...publicly, DMS_OPERATOR_TOKEN: "0123456789abcdef" };
  await (await startSurroundings(strong, directory)).stop();
  await (await startSurroundings(environment, directory)).stop();
});
