import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDependencies } from "../../local/dependencies.ts";
import { freePort } from "../../local/redis-server.ts";
import { ConfigError } from "../../shared/config.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

const quiet = { DMS_LOG_JSON: "true", DMS_LOG_LEVEL: "CRITICAL" };

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dms-dependencies-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("when Redis and scheduler are configured, nothing is started and nothing is written", async () => {
  const directory = await makeDirectory();
  const given = {
    ...quiet,
    DMS_REDIS_WRITE_URL: "redis://:secret@127.0.0.1:9/0",
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9/base",
    DMS_SCHEDULER_TASK_ENDPOINT: "/tasks/task",
  };
  const { lines, environment, stop } = await startDependencies(given, directory);
  onTestFinished(stop);
  expect(lines).toEqual(["  Redis      redis://:***@127.0.0.1:9/0", "  scheduler  http://127.0.0.1:9/base"]);
  expect(environment).toMatchObject(given);
  expect(existsSync(join(directory, ".dms"))).toBe(false);
});

test("an unavailable Redis that the development scheduler needs is reported, without its password", async () => {
  const port = await freePort();
  const environment = { ...quiet, DMS_REDIS_WRITE_URL: `redis://:secret@127.0.0.1:${port}/0` };
  await expect(startDependencies(environment, await makeDirectory())).rejects.toThrow(
    `DMS_REDIS_WRITE_URL=redis://:***@127.0.0.1:${port}/0 is unavailable`,
  );
});

test("configuration errors are reported before anything is started", async () => {
  const directory = await makeDirectory();
  await expect(startDependencies({ DMS_TIMEZONE: "Mars/Base", DMS_LOG_LEVEL: "loud" }, directory)).rejects.toThrow(
    ConfigError,
  );
  expect(existsSync(join(directory, ".dms"))).toBe(false);
});

test("operator endpoints with a weak token are not public", async () => {
  const directory = await makeDirectory();
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1" };
  const publicly = { ...environment, DMS_CLI_DEFAULT_HOST: "0.0.0.0" };
  await expect(startDependencies(publicly, directory)).rejects.toThrow(ConfigError);
  const strong = { ...publicly, DMS_OPERATOR_TOKEN: "0123456789abcdef" };
  await (await startDependencies(strong, directory)).stop();
  await (await startDependencies(environment, directory)).stop();
});
