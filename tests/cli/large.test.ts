import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { bin, run, startProcess } from "./support/run.ts";
import { useService } from "./support/service.ts";

const service = useService({ env: { DMS_EVENT_WORKER_COUNT: "0" } });
const count = 10_000;

/** Memory that is too small for a client that holds 10,000 of these tasks. In MB. */
const smallHeap = "--max-old-space-size=32";

test("10,000 tasks are listed in every format, in a heap that could not hold them", { timeout: 120_000 }, async () => {
  const alice = service.newUser();
  const note = "x".repeat(4000);
  for (let made = 0; made < count; made += 500) {
    await Promise.all(Array.from({ length: 500 }, () => service.store.register(alice.owner, { note })));
  }
  for (const args of [
    ["--output", "json"],
    ["--output", "jsonl"],
    ["--output", "id"],
    ["--output", "table", "--all"],
  ]) {
    const child = startProcess(process.execPath, [smallHeap, bin, "tasks", "list", ...args], { env: alice.env });
    const { code, stdout, stderr } = await child.over;
    expect([code, stderr], args.join(" ")).toEqual([0, ""]);
    if (args[1] === "json") expect(JSON.parse(stdout).tasks).toHaveLength(count);
    else expect(stdout.trimEnd().split("\n")).toHaveLength(args[1] === "table" ? count + 1 : count);
  }
});

test("a reader that closes the pipe ends the list without an error", async () => {
  const alice = service.newUser();
  const note = "x".repeat(4000);
  await Promise.all(Array.from({ length: 500 }, () => service.store.register(alice.owner, { note })));
  const script = `"$0" "$1" tasks list --output jsonl | head -n 1 | wc -l; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await startProcess("bash", ["-c", script, process.execPath, bin], { env: alice.env }).over;
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^\s*1\n0\n$/), stderr: "" });
});

test("values too long for a URL are submitted, in a body, and are shown whole", async () => {
  const alice = service.newUser();
  const value = `ünïcødé 用户 ${"long ".repeat(12_000)}end`;
  const input = JSON.stringify({ text: value });
  const { stdout } = await run(["tasks", "submit", "--params-file", "-", "--output", "id"], { env: alice.env, input });
  expect(JSON.parse((await alice.run("tasks", "status", stdout.trim())).stdout).task.parameters.text).toBe(value);
  const table = await alice.run("tasks", "status", stdout.trim(), "--output", "table");
  expect(table.stdout).toContain(value);
  const tooLong = await run(["tasks", "submit", "--params-file", "-"], {
    env: alice.env,
    input: JSON.stringify({ text: value.repeat(2) }),
  });
  expect(tooLong).toMatchObject({ code: 1, stderr: expect.stringContaining("bytes") });
});

test("a list is read page by page", async () => {
  const asked: string[] = [];
  const task = (id: number) => ({ task_id: String(id), status: "pending" });
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const after = Number(new URL(request.url ?? "", "http://x").searchParams.get("cursor") ?? 0);
    const tasks = Array.from({ length: 200 }, (_, index) => task(after + index + 1));
    response.end(JSON.stringify({ tasks, ...(after < 400 ? { next_cursor: String(after + 200) } : {}) }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const env = {
    DMS_API_BASE: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    DMS_SERVICE: "s",
    DMS_USER: "u",
  };
  const { stdout } = await run(["tasks", "list", "--output", "id"], { env });
  expect(stdout.trimEnd().split("\n")).toHaveLength(600);
  expect(asked).toHaveLength(3);
});
