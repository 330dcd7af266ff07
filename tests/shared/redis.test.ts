import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { connectRedis } from "../../shared/redis.ts";
import { openLink } from "../faults/support/link.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

test("a process is ready when the connection for submissions is ready too, so that the first submission is accepted", async () => {
  const link = await openLink(redis.server.port);
  const config = loadConfig({ DMS_REDIS_WRITE_URL: link.url });
  const connections = connectRedis(config, createLogger({ appName: "test", logLevel: "fatal" }));
  onTestFinished(() => {
    connections.close();
    link.close();
  });
  await connections.untilReady(2000);
  link.delay(100);
  const writer = connections.openWriter();
  await connections.untilReady(2000);
  expect(writer.status).toBe("ready");
});

/** The primary connection of a process, ready, and the wait before its next attempt to connect. */
async function connected() {
  const config = loadConfig({ DMS_REDIS_WRITE_URL: redis.url });
  const connections = connectRedis(config, createLogger({ appName: "test", logLevel: "fatal" }));
  onTestFinished(() => connections.close());
  await connections.untilReady();
  const { primary } = connections;
  return { primary, reconnecting: once(primary, "reconnecting") };
}

test("a connection that is closed because Redis is read-only is replaced at once", async () => {
  const { primary, reconnecting } = await connected();
  await redis.client.replicaof("127.0.0.1", await freePort());
  try {
    await expect(primary.set("dms:probe", "1")).rejects.toThrow("READONLY");
    expect(await reconnecting).toEqual([0]);
  } finally {
    await redis.client.replicaof("NO", "ONE");
  }
});

test("a connection that another side has closed is not reopened at once", async () => {
  const { primary, reconnecting } = await connected();
  await redis.client.client("KILL", "ID", await primary.client("ID"));
  const [wait] = await reconnecting;
  expect(wait).toBeGreaterThan(0);
});
