import type { ChildProcess } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { endProcess, startFunctionProcess } from "../../local/function-process.ts";
import { type FunctionsOptions, startFunctions } from "../../local/functions.ts";
import { leastAccess, limitedUrl, limitUser, withoutCommand } from "../support/access.ts";
import { useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const base = join(import.meta.dirname, "..", "..", "knative", "base");

async function start({ redisUrl = redis.url, ...more }: Partial<FunctionsOptions> & { redisUrl?: string }) {
  const { dist } = await useBuild();
  return startFunctions({
    environment: { DMS_REDIS_WRITE_URL: redisUrl },
    dist,
    manifests: [join(base, "routes.yaml"), join(base, "gateway.yaml")],
    host: "127.0.0.1",
    port: 0,
    ...more,
  });
}

const clients = async () => ((await redis.client.client("LIST")) as string).trim().split("\n").length;

test("an aborted start leaves no process behind", async () => {
  const before = await clients();
  const stop = new AbortController();
  const listening: string[] = [];
  const onLine = (name: string) => {
    listening.push(name);
    stop.abort("SIGINT");
  };
  await expect(start({ signal: stop.signal, onLine })).rejects.toBe("SIGINT");
  expect(listening.length).toBeGreaterThan(0);
  await until(async () => (await clients()) === before);
});

test("an unexpected end of a process is reported", async () => {
  const lines: string[] = [];
  const functions = await start({ onLine: (name, line) => lines.push(`${name}: ${line}`) });
  onTestFinished(() => functions.stop());
  const help = functions.processes.find(({ name }) => name === "help")?.child.pid;
  if (help === undefined) throw new Error("help has no process");
  process.kill(help, "SIGKILL");
  await until(() => lines.includes("help: the process ended with SIGKILL"));
  await functions.stop();
  expect(lines.filter((line) => line.includes("process ended"))).toHaveLength(1);
});

test("a function that has died is started again, and answers 503 with Retry-After meanwhile", async () => {
  const functions = await start({});
  onTestFinished(() => functions.stop());
  const help = () => fetch(`${functions.address}/api/v1/help`);
  expect((await help()).status).toBe(200);
  const first = functions.processes.find(({ name }) => name === "help")?.child;
  first?.kill("SIGKILL");
  const refused = await until(async () => {
    const answer = await help();
    return answer.status === 503 && answer;
  });
  expect(refused.headers.get("retry-after")).toBe("1");
  await until(async () => (await help()).status === 200, { timeoutMs: 15_000 });
});

test("the router is ready when every function has been, and stays so", async () => {
  await limitUser(redis, withoutCommand("zrange"));
  const functions = await start({ redisUrl: limitedUrl(redis) });
  onTestFinished(() => functions.stop());
  const ready = () => fetch(`${functions.address}/readyz`);
  expect([(await ready()).status, (await fetch(`${functions.address}/livez`)).status]).toEqual([503, 200]);
  await limitUser(redis, leastAccess);
  await until(async () => (await ready()).status === 200);
  await redis.client.call("ACL", "DELUSER", "limited");
  await until(async () => (await fetch(`${functions.address}/healthz`)).status === 503);
  expect((await ready()).status).toBe(200);
});

test("a body is refused at the limit of its endpoint", async () => {
  const functions = await start({});
  onTestFinished(() => functions.stop());
  const post = async (path: string, bytes: number) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(functions.address + path, { method: "POST", headers, body: " ".repeat(bytes) });
    return answer.status;
  };
  const submission = "/api/v1/services/sync/users/alice/tasks";
  const cancellation = "/api/v1/services/sync/tasks/1/cancel?user_id=alice";
  expect([await post(submission, 512 * 1024), await post(submission, 10_000_000)]).toEqual([422, 413]);
  expect([await post(cancellation, 64 * 1024), await post(cancellation, 64 * 1024 + 1)]).toEqual([404, 413]);
});

/** A bundle that ends at once the first `failures` times, as when its port has been taken meanwhile. */
function bundleThatFails(failures: number): string {
  const directory = mkdtempSync(join(inject("runDirectory"), "bundle-"));
  const file = join(directory, "bundle.cjs");
  writeFileSync(
    file,
    `const { appendFileSync, readFileSync } = require("node:fs");
     appendFileSync(__filename + ".starts", "x");
     if (readFileSync(__filename + ".starts").length <= ${failures}) process.exit(1);
     require("node:http").createServer((_, response) => response.end()).listen(process.env.PORT, "127.0.0.1");`,
  );
  return file;
}

test.each([
  [1, true],
  [3, false],
])("a process that ends %d times before it answers is started again: %s", async (failures, starts) => {
  const children = new Set<ChildProcess>();
  onTestFinished(async () => void (await Promise.all([...children].map(endProcess))));
  const { signal } = new AbortController();
  const options = { name: "a-function", bundle: bundleThatFails(failures), environment: {}, onLine: undefined };
  const started = startFunctionProcess({ ...options, children, signal });
  if (starts) expect(await started).toMatchObject({ name: "a-function" });
  else await expect(started).rejects.toThrow("the process of a-function ended with 1");
});
