import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { bin, startProcess } from "./support/run.ts";
import { useService } from "./support/service.ts";

const service = useService({ stepMs: 150, steps: 4 });

function start(env: Record<string, string>, ...args: string[]) {
  return startProcess(process.execPath, [bin, ...args], { env });
}

test("wait ends with the outcome of all tasks: a failure outweighs a cancellation, a cancellation success", async () => {
  const alice = service.newUser();
  const ids: string[] = [];
  for (const status of ["completed", "cancelled", "failed"] as const) {
    const id = await service.store.register(alice.owner, {});
    await service.store.update(id, { status });
    ids.push(id);
  }
  const [completed, cancelled, failed] = ids as [string, string, string];
  expect((await alice.run("tasks", "wait", completed)).code).toBe(0);
  expect((await alice.run("tasks", "wait", `${completed},${cancelled}`)).code).toBe(6);
  const all = await alice.run("tasks", "wait", ids.join(","));
  expect(all.code).toBe(1);
  expect(JSON.parse(all.stdout).tasks).toHaveLength(3);
  const missing = await alice.run("tasks", "wait", `${completed},999999`, "--output", "id");
  expect(missing).toMatchObject({
    code: 3,
    stdout: `${completed}\n`,
    stderr: "dms-frontend: task 999999: Task not found\n",
  });
  expect((await alice.run("tasks", "wait", failed, "--output", "table")).stdout).toBe(`Task ${failed}: failed\n`);
});

test("wait --any ends with the first task that ends, and then at once", async () => {
  const alice = service.newUser();
  const [first, second] = [
    await service.store.register(alice.owner, {}),
    await service.store.register(alice.owner, {}),
  ];
  const waiting = start(
    alice.env,
    "tasks",
    "wait",
    `${first},${second}`,
    "--any",
    "--output",
    "id",
    "--interval",
    "50ms",
  );
  await service.store.update(second, { status: "completed" });
  expect(await waiting.over).toMatchObject({ code: 0, stdout: `${second}\n` });
});

test("submit --wait prints the ended task, and --output id nothing but the id, also with --watch", async () => {
  const alice = service.newUser();
  const json = await alice.run("tasks", "submit", "--wait", "-p", "src=/a");
  expect(JSON.parse(json.stdout).task).toMatchObject({ status: "completed", parameters: { src: "/a" } });
  expect(json.stderr).toMatch(/^Submitted task \d+\.\n$/);
  expect((await alice.run("tasks", "submit", "--wait", "--output", "id")).stdout).toMatch(/^\d+\n$/);
  expect((await alice.run("tasks", "submit", "--watch", "--output", "id")).stdout).toMatch(/^\d+\n$/);
});

test("in a pipe watch prints one line per change, as text or as JSON", async () => {
  const alice = service.newUser();
  const text = await alice.run("tasks", "submit", "--watch", "--interval", "50ms");
  expect(text.code).toBe(0);
  const lines = text.stdout.trimEnd().split("\n");
  expect(lines.some((line) => /^\S+ log Task accepted by scheduler$/.test(line))).toBe(true);
  expect(lines.some((line) => /^\S+ running \d\d%, \d\.\d{3} GB, [\d.]+ GB\/s, \d+s left$/.test(line))).toBe(true);
  expect(lines.at(-1)).toMatch(/^\S+ completed 100%, 2\.468 GB, [\d.]+ GB\/s, done$/);
  expect(new Set(lines).size).toBe(lines.length);
  expect(text.stdout).not.toContain("\u001b");
  const json = await alice.run("tasks", "submit", "--watch", "--output", "jsonl", "-p", "fail=disk");
  expect(json.code).toBe(1);
  const statuses = json.stdout
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line).status);
  expect(statuses.at(-1)).toBe("failed");
});

test("logs --follow prints entries as they arrive and ends with the task", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  await service.store.update(id, { status: "running", logs: ["begun"] });
  const following = start(alice.env, "tasks", "logs", id, "--follow", "--interval", "50ms");
  await until(() => following.output.stdout.includes("begun"));
  await service.store.update(id, { logs: ["half way", "nearly there"] });
  await until(() => following.output.stdout.includes("nearly there"));
  await service.store.update(id, { status: "cancelled", logs: ["stopped"] });
  const { code, stdout } = await following.over;
  expect(code).toBe(6);
  const messages = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.slice(line.indexOf(" ") + 1));
  expect(messages).toEqual(["begun", "half way", "nearly there", "stopped"]);
});

test("SIGINT in a pipe is 130, SIGTERM 143", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    const waiting = start(alice.env, "tasks", "wait", id, "--debug");
    await until(() => waiting.output.stderr.includes("< 200"));
    waiting.child.kill(signal);
    expect((await waiting.over).code).toBe(code);
  }
});

test("polling continues while the server is unavailable, for as long as --patience", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  const patient = start(alice.env, "tasks", "wait", id, "--interval", "50ms", "--debug", "--output", "id");
  const impatient = start(
    alice.env,
    "tasks",
    "watch",
    id,
    "--interval",
    "50ms",
    "--debug",
    "--patience",
    "200ms",
    "--retries",
    "0",
  );
  for (const { output } of [patient, impatient]) await until(() => output.stderr.includes("< 200"));
  await service.stopServer();
  expect(await impatient.over).toMatchObject({ code: 5, stderr: expect.stringContaining("nothing is listening on") });
  await service.startServer();
  await service.store.update(id, { status: "completed" });
  expect(await patient.over).toMatchObject({ code: 0, stdout: `${id}\n` });
});
