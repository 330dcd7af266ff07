import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { useRedis } from "../support/redis.ts";
import { unreadOutputs } from "../support/stdout.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const root = join(import.meta.dirname, "../..");

const commands = [
  { name: "npm start, with text", args: ["local/start.ts"], environment: {} },
  { name: "npm start, with JSON", args: ["local/start.ts"], environment: { DMS_LOG_JSON: "true" } },
  { name: "dms-frontend dev", args: ["cli/main.ts", "dev"], environment: {} },
  {
    name: "dms-frontend serve",
    args: ["cli/main.ts", "serve"],
    environment: { DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1" },
  },
];

test.each(commands.flatMap((command) => unreadOutputs.map(([output, open]) => ({ ...command, output, open }))))(
  "$name answers and stops on SIGTERM although its output is $output",
  { timeout: 60_000 },
  async ({ args: [entry = "", ...args], environment, open }) => {
    const port = await freePort();
    const cwd = mkdtempSync(join(tmpdir(), "dms-unread-"));
    const output = open();
    const child = spawn(process.execPath, [join(root, entry), ...args], {
      cwd,
      // What `serve` prints beside its log goes to standard error.
      stdio: ["ignore", output, output],
      env: {
        PATH: process.env.PATH,
        DMS_REDIS_WRITE_URL: redis.url,
        DMS_CLI_DEFAULT_PORT: String(port),
        DMS_CLI_DEFAULT_HOST: "127.0.0.1",
        DMS_LOG_LEVEL: "DEBUG",
        ...environment,
      },
    });
    onTestFinished(() => {
      child.kill("SIGKILL");
      rmSync(cwd, { recursive: true, force: true });
    });
    const ask = (method: string, path: string) => fetch(`http://127.0.0.1:${port}${path}`, { method });
    await until(() => ask("GET", "/healthz"), { timeoutMs: 30_000 });
    const refused = await Promise.all(Array.from({ length: 50 }, () => ask("GET", `/${"long".repeat(25_000)}`)));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([404]));
    expect((await ask("POST", "/api/v1/services/sync/users/alice/tasks")).status).toBe(202);
    expect((await ask("GET", "/healthz")).status).toBe(200);
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  },
);
