import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { createContext, createTaskStore } from "../../task-state/index.ts";
import { useBuild } from "../support/build.ts";
import { startHttpDouble } from "../support/http-double.ts";
import { useRedis } from "../support/redis.ts";
import { linesOf, openPipe, unreadOutputs } from "../support/stdout.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const tasks = "/api/v1/services/sync/users/alice/tasks";
const graceSeconds = 10;

/** A server bundle with this standard output, killed after the test. */
async function startServer(name: string, stdout: number, environment: Record<string, string> = {}, args = [""]) {
  const { dist } = await useBuild();
  const port = await freePort();
  const child = spawn(process.execPath, [join(dist, "server", `${name}.cjs`), ...args], {
    stdio: ["ignore", stdout, "inherit"],
    env: {
      PORT: String(port),
      DMS_REDIS_WRITE_URL: redis.url,
      DMS_CLI_DEFAULT_HOST: "127.0.0.1",
      DMS_LOG_LEVEL: "DEBUG",
      DMS_SHUTDOWN_GRACE_SECONDS: String(graceSeconds),
      ...environment,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ask = (method: string, path: string) => fetch(`http://127.0.0.1:${port}${path}`, { method });
  await until(() => ask("GET", "/livez"));
  return { child, ask };
}

/** Expects that SIGTERM ends a process with exit code 0 within its grace period. */
async function expectStop(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  const sentAt = performance.now();
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect(performance.now() - sentAt).toBeLessThan(graceSeconds * 1000);
}

test.each(unreadOutputs)("a function that logs to %s answers, and stops on SIGTERM", async (_, open) => {
  const { child, ask } = await startServer("submit-task", open());
  // Each line is as long as its path: together they exceed what may wait.
  const refused = await Promise.all(Array.from({ length: 50 }, () => ask("GET", `/${"long".repeat(25_000)}`)));
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([404]));
  expect((await ask("POST", tasks)).status).toBe(202);
  expect((await ask("GET", "/healthz")).status).toBe(200);
  await expectStop(child);
});

test.each(unreadOutputs)("a dispatcher that logs to %s dispatches, and stops on SIGTERM", async (_, open) => {
  const scheduler = await startHttpDouble();
  const environment = { DMS_SCHEDULER_BASE_URL: scheduler.url };
  const { child, ask } = await startServer("dispatcher", open(), environment, ["resident"]);
  await createTaskStore(createContext({ primary: redis.client })).submit({ service: "sync", user: "alice" }, {});
  await until(() => scheduler.seen.length === 1);
  expect((await ask("GET", "/healthz")).status).toBe(200);
  await expectStop(child);
});

test("a function logs the number of dropped lines once its output is read again", async () => {
  const pipe = openPipe();
  pipe.fill();
  const { child, ask } = await startServer("submit-task", pipe.fd);
  const requests = 60;
  await Promise.all(Array.from({ length: requests }, () => ask("GET", `/${"long".repeat(25_000)}`)));
  let written = "";
  await until(() => {
    written += pipe.read();
    return written.includes("were dropped");
  });
  expect((await ask("POST", tasks)).status).toBe(202);
  await expectStop(child);
  const lines = linesOf(written + pipe.read());
  const kept = lines.filter(({ status }) => status === 404).length;
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "error", count: requests - kept, msg: expect.stringContaining("were dropped") }),
  );
  expect(lines.map(({ status }) => status)).toContain(202);
  expect(lines.at(-1)?.msg).toBe("stopped");
});

const event = { version: "2.0", rawPath: "/api/v1/help", requestContext: { http: { method: "GET" } } };

/** A process with a Lambda handler; gives a function that invokes it, and resolves with the status of its answer. */
async function startHandler(name: string, stdout: number) {
  const { dist } = await useBuild();
  const script = `const { handler } = require(${JSON.stringify(join(dist, "lambda", `${name}.cjs`))});
    process.on("message", async () => {
      const { statusCode = 200 } = await handler(${JSON.stringify(event)}, { getRemainingTimeInMillis: () => 20_000 });
      process.send(statusCode);
    });`;
  const child = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", stdout, "inherit", "ipc"],
    env: { DMS_REDIS_WRITE_URL: redis.url, DMS_LOG_LEVEL: "DEBUG" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return async () => {
    const answer = once(child, "message");
    child.send("invoke");
    return (await answer)[0];
  };
}

const handlers = ["help", "dispatcher"] as const;

test.each(handlers.flatMap((name) => unreadOutputs.map(([output, open]) => [name, output, open] as const)))(
  "the Lambda handler of %s answers although it logs to %s",
  async (name, _, open) => {
    const invoke = await startHandler(name, open());
    expect(await invoke()).toBe(200);
    expect(await invoke()).toBe(200);
  },
);

test("a Lambda handler writes the lines that its output did not take with those of the next invocation", async () => {
  const pipe = openPipe();
  pipe.fill();
  const invoke = await startHandler("help", pipe.fd);
  await invoke();
  pipe.read();
  await invoke();
  expect(linesOf(pipe.read()).filter(({ msg }) => msg === "request")).toHaveLength(2);
});
