import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { freePort } from "../../local/redis-server.ts";
import { startProcess } from "../cli/support/run.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dirname, "../..");
/** The promise is 2 s; the rest is a margin for a busy machine. */
const timeoutMs = 6000;
const slow = { timeout: 120_000 };

/** The project with a separate `.dms`, removed after the test. */
async function makeCheckout(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dms-start-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await copyFile(join(root, "package.json"), join(directory, "package.json"));
  for (const name of ["node_modules", "local", "functions", "shared", "task-state"]) {
    await symlink(join(root, name), join(directory, name));
  }
  return directory;
}

/** `npm start` as a terminal runs it: in a process group, to which a Ctrl-C goes. */
async function npmStart(checkout: string) {
  const port = await freePort();
  const npm = startProcess("npm", ["start"], {
    cwd: checkout,
    env: { DMS_CLI_DEFAULT_PORT: String(port) },
    detached: true,
  });
  const group = -(npm.child.pid ?? Number.NaN);
  onTestFinished(async () => {
    signalTo(group, "SIGTERM");
    await Promise.race([npm.over, pause(timeoutMs)]);
    signalTo(group, "SIGKILL");
  });
  await until(() => npm.output.stdout.includes("Ctrl-C stops it."), { timeoutMs: 90_000 });
  const owner = z.looseObject({ port: z.number() });
  const redis = owner.parse(JSON.parse(await readFile(join(checkout, ".dms/redis/owner.json"), "utf8"))).port;
  return { ...npm, group, port, ports: [port, redis], api: `http://localhost:${port}/api/v1` };
}

function signalTo(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(group, signal);
  } catch {
    // It has ended by itself, as expected.
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Resolves when nothing is listening on these ports. */
async function untilGone(ports: readonly number[]): Promise<void> {
  await until(async () => !(await Promise.all(ports.map(isListening))).includes(true), { timeoutMs: timeoutMs });
}

test("it prints its URL, its Redis and scheduler, and a curl line that works", slow, async () => {
  const { output, port, ports } = await npmStart(await makeCheckout());
  expect(output.stdout).toContain(`listens on http://127.0.0.1:${port}/api/v1`);
  expect(output.stdout).toContain(`Redis      redis://127.0.0.1:${ports[1]}/0 (private, data in .dms/redis)`);
  expect(output.stdout).toMatch(/scheduler {2}http:\/\/127\.0\.0\.1:\d+\/ \(for development/);
  const [curl = ""] = /curl .*/.exec(output.stdout) ?? [];
  const { stdout } = await promisify(execFile)("sh", ["-c", curl]);
  expect(JSON.parse(stdout)).toEqual({ task_id: "1", status: "pending" });
});

test("Ctrl-C leaves no process behind, and the next start still has the tasks", slow, async () => {
  const checkout = await makeCheckout();
  const first = await npmStart(checkout);
  await fetch(`${first.api}/services/sync/users/alice/tasks?src=/a`, { method: "POST" });
  const from = performance.now();
  process.kill(first.group, "SIGINT");
  await first.over;
  expect(performance.now() - from).toBeLessThan(timeoutMs);
  await untilGone(first.ports);
  const second = await npmStart(checkout);
  const answer = await fetch(`${second.api}/services/sync/tasks/1?user_id=alice`);
  expect(await answer.json()).toMatchObject({ task: { task_id: "1", parameters: { src: "/a" } } });
});

test("a signal to npm alone stops everything", slow, async () => {
  const npm = await npmStart(await makeCheckout());
  npm.child.kill("SIGTERM");
  await npm.over;
  await untilGone(npm.ports);
});

test("a second Ctrl-C does not wait and still leaves no process behind", slow, async () => {
  const npm = await npmStart(await makeCheckout());
  const unfinished = connect(npm.port, "127.0.0.1").on("error", () => {});
  await once(unfinished, "connect");
  unfinished.write("POST /api/v1/services/sync/users/alice/tasks HTTP/1.1\r\nHost: x\r\n");
  process.kill(npm.group, "SIGINT");
  await until(() => npm.output.stdout.includes("Stopping"));
  await pause(500);
  process.kill(npm.group, "SIGINT");
  expect(await npm.over).toMatchObject({ code: 1 });
  await untilGone(npm.ports);
});
