import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

test.each([
  ["help", "request"],
  ["dispatcher", "dispatcher stopped"],
])("what %s has logged by its answer is out, whatever becomes of the process", async (name, message) => {
  const { dist } = await useBuild();
  const event = { version: "2.0", rawPath: "/api/v1/help", requestContext: { http: { method: "GET" } } };
  const script = `const { handler } = require(${JSON.stringify(join(dist, "lambda", `${name}.cjs`))});
    handler(${JSON.stringify(event)}, { getRemainingTimeInMillis: () => 20_000 }).finally(() => process.kill(process.pid, "SIGKILL"));`;
  const child = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { DMS_REDIS_WRITE_URL: redis.url, DMS_LOG_LEVEL: "DEBUG" },
  });
  const lines = (await text(child.stdout)).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).msg)).toContain(message);
});
