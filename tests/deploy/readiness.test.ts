import { describe, expect, test } from "vitest";
import dispatcher from "../../functions/background/dispatcher/trigger.ts";
import janitor from "../../functions/background/janitor/trigger.ts";
import health from "../../functions/meta/health.ts";
import submitTask from "../../functions/user/submit-task.ts";
import { startLocalServer } from "../../local/server.ts";
import type { Config } from "../../shared/config.ts";
import type { Logger } from "../../shared/logger.ts";
import { startBackgroundServer } from "../../shared/runtime/background/server.ts";
import { startServer } from "../../shared/runtime/server.ts";
import { leastAccess, limitedUrl, limitUser, withoutCommand } from "../support/access.ts";
import { useRedis } from "../support/redis.ts";
import { collectLog, stopAfterTest, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";

const redis = useRedis();

type Start = (config: Config, log: Logger) => Promise<{ readonly address: string; stop(): Promise<void> }>;

const processes: [name: string, start: Start][] = [
  ["a function's server", (config, log) => startServer([submitTask, health], config, log)],
  ["a triggered dispatcher", (config, log) => startBackgroundServer(dispatcher, [health], config, log, false)],
  ["a resident dispatcher", (config, log) => startBackgroundServer(dispatcher, [health], config, log, true)],
  ["a janitor", (config, log) => startBackgroundServer(janitor, [health], config, log, false)],
  ["the local server", startLocalServer],
];

describe.each(processes)("%s", (_, start) => {
  async function started(url: string) {
    const config = testConfig(url, { DMS_CLI_DEFAULT_PORT: "0" });
    const server = stopAfterTest(await start(config, collectLog(config).log));
    return async (path: string) => {
      const answer = await fetch(server.address + path);
      return { status: answer.status, headers: answer.headers, body: (await answer.json()) as { detail?: string } };
    };
  }

  test("is ready when Redis has answered", async () => {
    const get = await started(redis.url);
    expect(await get("/readyz")).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  test("is not ready with a wrong password, until it is the right one", async () => {
    await limitUser(redis, leastAccess);
    const get = await started(limitedUrl(redis).replace(":secret@", ":rotated@"));
    const { status, headers, body } = await get("/readyz");
    expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
    expect(body.detail).toMatch(/password/);
    await redis.client.call("ACL", "SETUSER", "limited", ">rotated");
    await until(async () => (await get("/readyz")).status === 200);
  });

  test("is not ready without all rights, until they are granted", async () => {
    await limitUser(redis, withoutCommand("zrange"));
    const get = await started(limitedUrl(redis));
    expect(await get("/readyz")).toMatchObject({ status: 503, body: { detail: expect.stringMatching(/rights/) } });
    expect((await get("/healthz")).status).toBe(200);
    await limitUser(redis, leastAccess);
    expect((await get("/readyz")).status).toBe(200);
  });

  test("stays ready while Redis is unavailable later", async () => {
    await limitUser(redis, leastAccess);
    const get = await started(limitedUrl(redis));
    expect((await get("/readyz")).status).toBe(200);
    await redis.client.call("ACL", "DELUSER", "limited");
    await until(async () => (await get("/healthz")).status === 503);
    expect((await get("/readyz")).status).toBe(200);
  });
});

test("a process without Redis is not ready", async () => {
  const config = testConfig("redis://127.0.0.1:1/0");
  const server = stopAfterTest(await startServer([health], config, collectLog(config).log));
  expect((await fetch(`${server.address}/readyz`)).status).toBe(503);
});
