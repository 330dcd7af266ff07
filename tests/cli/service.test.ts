import { once } from "node:events";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { freePort, startRedisServer } from "../../local/redis-server.ts";
import { variables } from "../../shared/config.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { bin, run, startProcess } from "./support/run.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService();
const redis = useRedis();
/** Servers start from their sources, which takes long on a busy machine. */
const slow = { timeout: 120_000 };

async function startServer(command: "serve" | "dev", args: readonly string[] = [], env: Record<string, string> = {}) {
  const port = await freePort();
  const cwd = await mkdtemp(join(tmpdir(), "dms-cli-"));
  const server = startProcess(
    process.execPath,
    [bin, command, "--host", "127.0.0.1", "--port", String(port), ...args],
    {
      cwd,
      env: { DMS_JANITOR_INTERVAL_SECONDS: "600", ...env },
    },
  );
  onTestFinished(async () => {
    server.child.kill("SIGTERM");
    await server.over;
    await rm(cwd, { recursive: true, force: true });
  });
  const api = { DMS_API_BASE: `http://127.0.0.1:${port}/api/v1`, DMS_SERVICE: "sync", DMS_USER: "alice" };
  await until(async () => (await run(["ping", "--retries", "0"], { env: api })).code === 0, { timeoutMs: 15_000 });
  return { ...server, port, api };
}

test(
  "serve runs on the configured Redis, logs JSON lines on standard output, and ends on SIGTERM with 0",
  slow,
  async () => {
    const server = await startServer("serve", [], {
      DMS_REDIS_WRITE_URL: redis.url,
      DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9",
    });
    expect((await run(["tasks", "submit", "--output", "id"], { env: server.api })).stdout).toBe("1\n");
    server.child.kill("SIGTERM");
    const { code, stdout, stderr } = await server.over;
    expect(code).toBe(0);
    expect(stderr).toContain(`listens on http://127.0.0.1:${server.port}/api/v1`);
    for (const line of stdout.trim().split("\n")) expect(() => JSON.parse(line), line).not.toThrow();
  },
);

test("dev runs without any configuration and takes a task", slow, async () => {
  const server = await startServer("dev");
  expect(server.output.stdout).toContain("private, data in .dms/redis");
  expect((await run(["tasks", "submit"], { env: server.api })).code).toBe(0);
  server.child.kill("SIGINT");
  expect((await server.over).code).toBe(0);
});

test("all configuration errors are reported together, and the exit code is 1", async () => {
  const { code, stderr } = await run(["serve"], { env: { DMS_LOG_LEVEL: "loud", DMS_EVENT_WORKER_COUNT: "many" } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^dms-frontend: .* 2 errors:\n {2}DMS_EVENT_WORKER_COUNT=.*\n {2}DMS_LOG_LEVEL=.*\n$/);
});

test("--reload restarts when a source file changes, after finishing the request in flight", slow, async () => {
  const environment = {
    DMS_REDIS_WRITE_URL: redis.url,
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9",
    DMS_LOG_LEVEL: "ERROR",
  };
  const server = await startServer("serve", ["--reload"], environment);
  const body = JSON.stringify({ parameters: { src: "/a" } });
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  const answer = text(socket);
  const head = [
    "POST /api/v1/services/sync/users/alice/tasks HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    "Connection: close",
  ];
  socket.write([...head, `Content-Length: ${body.length}`, "", body.slice(0, 5)].join("\r\n"));
  const started = () => server.output.stderr.split("listens on").length - 1;
  await until(() => started() === 1);
  const now = new Date();
  await utimes(join(import.meta.dirname, "../../functions/meta/help.ts"), now, now);
  await until(() => /Restarting/.test(server.output.stdout + server.output.stderr), { timeoutMs: 10_000 });
  socket.write(body.slice(5));
  expect(await answer).toMatch(/^HTTP\/1\.1 202 /);
  await until(() => started() === 2, { timeoutMs: 10_000 });
  expect((await run(["tasks", "list", "--output", "id"], { env: server.api })).stdout).toMatch(/^\d+\n$/);
});

test("show-config prints every value with its source, secrets masked", async () => {
  const env = {
    DMS_REDIS_WRITE_URL: "redis://me:secret@redis:6379/0",
    DMS_OPERATOR_TOKEN: "hush",
    DMS_API_BASE: "http://me:secret@api/v1",
    DMS_USER: "a@b.c",
    https_proxy: "http://me:secret@proxy:3128",
  };
  const json = await run(["show-config", "--output", "json"], { env });
  const shown = JSON.parse(json.stdout);
  for (const { name } of Object.values(variables)) expect(shown[name], name).toBeDefined();
  expect(shown.DMS_API_PREFIX).toMatchObject({ value: "/api/v1", source: "default" });
  expect(shown.DMS_REDIS_WRITE_URL).toMatchObject({ value: "redis://me:***@redis:6379/0", source: "environment" });
  expect(shown.DMS_REDIS_READ_URL).toMatchObject({ value: "redis://me:***@redis:6379/0", source: "implied" });
  expect(shown.DMS_API_BASE).toMatchObject({ value: "http://me:***@api/v1", source: "environment" });
  expect(shown.DMS_USER).toMatchObject({ value: "a@b.c", source: "environment" });
  expect(shown.HTTPS_PROXY).toMatchObject({ value: "http://me:***@proxy:3128/", source: "environment" });
  expect(shown.NO_PROXY).toMatchObject({ value: "", source: "default" });
  const table = await run(["show-config", "--output", "table"], { env });
  expect(table.stdout).toMatch(/^DMS_OPERATOR_TOKEN +\*\*\* +environment$/m);
  for (const { stdout } of [json, table]) expect(stdout).not.toMatch(/secret|hush/);
});

test("ping reports API, Redis, dispatcher and the round trip time", async () => {
  const { stdout } = await service.run(["ping"]);
  expect(JSON.parse(stdout)).toEqual({ api: "ok", redis: "ok", dispatcher: null, round_trip_ms: expect.any(Number) });
  const operator = await service.run(["ping"], { env: { DMS_OPERATOR_TOKEN: operatorToken } });
  expect(JSON.parse(operator.stdout).dispatcher).toMatchObject({ state: "running" });
  expect((await service.run(["ping"], { env: { DMS_OPERATOR_TOKEN: "wrong" } })).code).toBe(4);
  expect((await service.run(["ping", "--output", "table"])).stdout).toMatch(
    /^API +ok .*\nRedis +ok\ndispatcher .*\nround trip +[\d.]+ ms\n$/,
  );
});

test("ping distinguishes an unavailable Redis from an unavailable API", slow, async () => {
  const lone = await startRedisServer();
  const server = await startServer("serve", [], {
    DMS_REDIS_WRITE_URL: lone.url,
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:9",
    DMS_SHUTDOWN_GRACE_SECONDS: "0",
  });
  await lone.stop("SIGKILL");
  const env = { ...server.api, DMS_OPERATOR_TOKEN: "changeme" };
  const json = await run(["ping"], { env });
  expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
    code: 5,
    stdout: { api: "ok", redis: "Redis cannot be reached", dispatcher: null },
  });
  expect((await run(["ping", "--output", "table"], { env })).stdout).toMatch(
    /^API +ok .*\nRedis +Redis cannot be reached\ndispatcher +unknown without Redis\nround trip/,
  );
});

test("--version is the package's", async () => {
  const { default: packageJson } = await import("../../package.json", { with: { type: "json" } });
  expect((await run(["--version"])).stdout).toBe(`${packageJson.version}\n`);
});
