import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import type { LogLine } from "../support/service.ts";
import { until } from "../support/until.ts";

const redis = useRedis();

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly lines: readonly LogLine[];
  readonly exit: Promise<unknown[]>;
}

/** A server bundle as a process, stopped after the test. */
async function start(name: string, environment: Record<string, string> = {}, args: string[] = []): Promise<Started> {
  const { dist } = await useBuild();
  const port = await freePort();
  const child = spawn(process.execPath, [join(dist, "server", `${name}.cjs`), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PORT: String(port), DMS_REDIS_WRITE_URL: redis.url, DMS_CLI_DEFAULT_HOST: "127.0.0.1", ...environment },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: LogLine[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const whole = (rest + chunk).split("\n");
    rest = whole.pop() ?? "";
    lines.push(...whole.map((line) => JSON.parse(line) as LogLine));
  });
  return { child, port, lines, exit: once(child, "close") };
}

const untilLive = ({ port }: Started) => until(() => fetch(`http://127.0.0.1:${port}/livez`), { timeoutMs: 15_000 });

test("SIGTERM finishes the request in flight, closes Redis and exits 0", async () => {
  const started = await start("submit-task");
  await untilLive(started);
  const socket = connect(started.port, "127.0.0.1");
  const path = "/api/v1/services/sync/users/alice/tasks";
  socket.write(`POST ${path} HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n`);
  const clients = async () => (await redis.client.client("LIST")) as string;
  const before = (await clients()).split("\n").length;
  started.child.kill("SIGTERM");
  await until(() => started.lines.some(({ msg }) => msg === "stopping"));
  await expect(fetch(`http://127.0.0.1:${started.port}/livez`)).rejects.toThrow();
  socket.write("{}");
  expect(await text(socket)).toMatch(/^HTTP\/1.1 202 /);
  expect(await started.exit).toEqual([0, null]);
  await until(async () => (await clients()).split("\n").length < before);
});

test("log lines are JSON with the Knative service, its revision and the request's id", async () => {
  const started = await start("help", { K_SERVICE: "help", K_REVISION: "help-00007", DMS_LOG_LEVEL: "DEBUG" });
  await untilLive(started);
  await fetch(`http://127.0.0.1:${started.port}/api/v1/help`, { headers: { "x-request-id": "one" } });
  const expected = { k_service: "help", k_revision: "help-00007", request_id: "one", status: 200 };
  await until(() => started.lines.some((line) => line.request_id === "one"));
  expect(started.lines).toContainEqual(expect.objectContaining(expected));
});

test("a request that changes something or is refused is logged at info, one that only reads is not", async () => {
  const started = await start("submit-task");
  await untilLive(started);
  const ask = (method: string, path: string, id: string) =>
    fetch(`http://127.0.0.1:${started.port}${path}`, { method, headers: { "x-request-id": id } });
  await ask("GET", "/healthz", "read");
  await ask("GET", "/nothing", "refused");
  await ask("POST", "/api/v1/services/sync/users/alice/tasks?a=secret", "change");
  await until(() => started.lines.some((line) => line.request_id === "change"));
  expect(started.lines.map(({ request_id }) => request_id)).not.toContain("read");
  expect(started.lines).toContainEqual(expect.objectContaining({ level: "info", request_id: "refused", status: 404 }));
  expect(JSON.stringify(started.lines)).not.toContain("secret");
});

test("without Redis a process is live but not healthy", async () => {
  const started = await start("list-users", { DMS_REDIS_WRITE_URL: "redis://127.0.0.1:1/0" });
  await untilLive(started);
  const { status } = await fetch(`http://127.0.0.1:${started.port}/healthz`);
  expect(status).toBe(503);
});

test("a configuration error is logged in one line and exits 1", async () => {
  const started = await start("list-users", { DMS_TIMEZONE: "Nowhere", PORT: "many" });
  expect(await started.exit).toEqual([1, null]);
  expect(started.lines).toHaveLength(1);
  expect(started.lines[0]?.msg).toMatch(/DMS_TIMEZONE="Nowhere".*PORT="many"/);
});

test("an operator function does not start on a public address with a weak token", async () => {
  const started = await start("admin-list-tasks", { DMS_CLI_DEFAULT_HOST: "0.0.0.0" });
  expect(await started.exit).toEqual([1, null]);
  expect(started.lines[0]?.msg).toMatch(/DMS_OPERATOR_TOKEN.*openssl rand -hex 32/);
});

test("a second signal ends a process at once", async () => {
  const started = await start("dispatcher", {}, ["resident"]);
  await untilLive(started);
  const socket = connect(started.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET /livez HTTP/1.1\r\nHost: here\r\n");
  await fetch(`http://127.0.0.1:${started.port}/livez`);
  started.child.kill("SIGTERM");
  await until(() => started.lines.some(({ msg }) => msg === "stopping"));
  started.child.kill("SIGTERM");
  expect(await started.exit).toEqual([1, null]);
});
