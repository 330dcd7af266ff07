import { expect, onTestFinished, test } from "vitest";
import { loadConfig } from "../../shared/config.ts";
import { createLogger } from "../../shared/logger.ts";
import { connectRedis } from "../../shared/redis.ts";
import { openLink } from "../faults/support/link.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

test("a process is ready when its submissions have their connection too, so that the first one is taken", async () => {
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
