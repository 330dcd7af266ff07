import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { populate } from "../../bench/populate.ts";
import { memoryOf, openStoppedReaders } from "../../bench/stopped-readers.ts";
import { startFunctionProcess } from "../../local/function-process.ts";
import { type TestBuild, useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import { alice } from "../task-state/support.ts";

const redis = useRedis();
const readers = 100;
let build: TestBuild;
beforeAll(async () => {
  build = await useBuild();
});
const path = "/api/v1/services/sync/users/alice/tasks";

test.skipIf(process.platform !== "linux").each([
  ["the whole list", path],
  ["a page", `${path}?limit=1000`],
])(
  "100 clients that ask for %s and stop reading leave a function below 200 MiB (skipped where there is no /proc)",
  async (_, target) => {
    await populate(redis.server.port, alice, 1000, { filler: "x".repeat(64 * 1024 - "filler".length) });
    const children = new Set<ChildProcess>();
    onTestFinished(() => {
      for (const child of children) child.kill("SIGKILL");
    });
    const { port, child } = await startFunctionProcess({
      name: "list-tasks",
      bundle: join(build.dist, "server", "list-tasks.cjs"),
      environment: { ...process.env, DMS_REDIS_WRITE_URL: redis.url },
      children,
      onLine: undefined,
      signal: new AbortController().signal,
    });
    const stopped = await openStoppedReaders(port, target, readers);
    onTestFinished(() => stopped.close());
    // Redis reads are in order: an answer to the last request means that each one has its first piece.
    for (let round = 0; round < 5; round += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}?limit=1`);
      expect((await answer.text()).length).toBeGreaterThan(64 * 1024);
    }
    const { peak } = await memoryOf(child.pid ?? Number.NaN);
    expect(peak).toBeGreaterThan(50);
    expect(peak).toBeLessThan(200);
  },
  120_000,
);
