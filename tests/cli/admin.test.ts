import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { endpoints } from "../../shared/api/endpoints.ts";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService({ stepMs: 2000, env: { DMS_DISPATCH_MAX_ATTEMPTS: "1" } });
const operator = { DMS_OPERATOR_TOKEN: operatorToken };
const admin = (...args: string[]) => service.run(["admin", ...args], { env: operator });

async function tokenFile(mode: number, text = `${operatorToken}\n`): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "token");
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

test("the token comes from the environment, from standard input or from a file of mode 600", async () => {
  expect((await admin("tasks")).code).toBe(0);
  expect((await service.run(["admin", "tasks"], { env: { DMS_OPERATOR_TOKEN: `${operatorToken},old` } })).code).toBe(0);
  expect((await service.run(["admin", "tasks", "--token-stdin"], { input: `${operatorToken}\n` })).code).toBe(0);
  expect((await service.run(["admin", "tasks", "--token-file", await tokenFile(0o600)])).code).toBe(0);
});

test("4: no token, a wrong one, and one in a file that others can read", async () => {
  expect(await service.run(["admin", "tasks"])).toMatchObject({
    code: 4,
    stdout: "",
    stderr: expect.stringContaining("DMS_OPERATOR_TOKEN"),
  });
  const wrong = await service.run(["admin", "tasks"], { env: { DMS_OPERATOR_TOKEN: "wrong" } });
  expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining("Invalid operator token") });
  const open = await service.run(["admin", "tasks", "--token-file", await tokenFile(0o644)]);
  expect(open).toMatchObject({ code: 4, stderr: expect.stringContaining("chmod 600") });
  const empty = await tokenFile(0o600, "\n");
  expect(await admin("tasks", "--token-file", empty)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("contains no operator token"),
  });
  expect(await admin("tasks", "--token-stdin")).toMatchObject({ code: 4, stdout: "" });
  expect(await admin("tasks", "--token-stdin", "--token-file", empty)).toMatchObject({ code: 2 });
  const split = await service.run(["admin", "tasks", "--token-file", await tokenFile(0o600, "a\nb")]);
  expect(split).toMatchObject({ code: 4 });
});

test("the token is not an argument, and is never displayed", async () => {
  expect(await admin("tasks", "--token", operatorToken)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("unknown option"),
  });
  const { stderr } = await admin("dispatch", "--debug");
  expect(stderr).toContain("> GET");
  expect(stderr).not.toContain(operatorToken);
});

test("an operator lists, shows, cancels and deletes the tasks of any user", async () => {
  const alice = service.newUser();
  const bob = { service: "copy", user: "bob" };
  const ids = [await service.store.register(alice.owner, {}), await service.store.register(bob, { src: "/b" })];
  const [first, second] = ids as [string, string];
  expect((await admin("tasks", "--output", "id")).stdout.trim().split("\n")).toEqual(expect.arrayContaining(ids));
  expect((await admin("tasks", "--service", "copy", "--output", "id")).stdout).toBe(`${second}\n`);
  expect((await admin("tasks", "--output", "table")).stdout).toMatch(new RegExp(`^${second} +copy +bob +pending`, "m"));
  expect(JSON.parse((await admin("task", second)).stdout).task).toMatchObject({ service: "copy", user_id: "bob" });
  expect((await admin("task", first)).code).toBe(0);
  expect(await admin("task", "999999")).toMatchObject({ code: 3 });
  // An operator passes neither service nor user, so there is no hint to check them.
  expect(await admin("cancel", "999999")).toMatchObject({ code: 3, stderr: "dms-frontend: Task not found\n" });
  const cancelled = await admin("cancel", ids.join(","), "--yes", "--output", "table");
  expect(cancelled.stdout).toMatch(/^Task \d+: cancel.*\nTask \d+: cancel.*\n$/);
  expect((await admin("delete", first)).code).toBe(0);
  expect(await service.store.get(first)).toBeUndefined();
});

test("an operator pauses and resumes the queue and sees its state", async () => {
  const paused = await admin("pause", "--output", "table");
  expect(paused.stdout).toMatch(/^state +paused$/m);
  expect(JSON.parse((await admin("dispatch")).stdout)).toMatchObject({ state: "paused" });
  const ping = await service.run(["ping", "--output", "table"], { env: operator });
  expect(ping.stdout).toMatch(/^dispatcher +paused, \d+ waiting/m);
  const alice = service.newUser();
  const { stdout } = await alice.run("tasks", "submit", "--output", "id");
  expect(JSON.parse((await alice.run("tasks", "explain", stdout.trim())).stdout).explanation).toMatch(/\w/);
  expect((await admin("explain", stdout.trim(), "--output", "table")).stdout).toMatch(/^explanation +\w/m);
  expect((await admin("resume")).code).toBe(0);
  expect(JSON.parse((await admin("dispatch")).stdout).state).toBe("running");
});

test("dead letters are listed, retried and discarded", async () => {
  expect((await admin("dead-letters")).stdout).toBe('{"dead_letters":[]}\n');
  // An entry of the queue without a task is dead-lettered at once.
  const entry = (await service.redis.xadd(keys.work, "*", "nonsense", "1")) ?? "";
  await until(async () => (await admin("dead-letters", "--output", "id")).stdout === `${entry}\n`);
  expect((await admin("dead-letters", "--output", "table")).stdout).toMatch(new RegExp(`^${entry} .*read`, "m"));
  expect((await admin("dead-letters", "--output", "jsonl", "--limit", "1")).stdout).toContain(`"task_id":"${entry}"`);
  expect(await admin("retry", entry)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("nothing to try again"),
  });
  expect(await admin("discard", entry, "--output", "table")).toMatchObject({
    code: 0,
    stdout: `Task ${entry}: discarded\n`,
  });
  expect(await admin("discard", entry)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("Dead letter not found"),
  });
  expect((await admin("dead-letters", "--output", "table")).stderr).toBe("No dead letters.\n");
});

test("an endpoint that the server does not offer is reported in one line", async () => {
  const without = await service.run(
    ["admin", "dispatch", "--api-base", `${new URL(service.apiBase).origin}/elsewhere`],
    { env: operator },
  );
  expect(without).toMatchObject({ code: 1, stdout: "" });
  expect(without.stderr).toMatch(/^dms-frontend: this server does not offer GET \/admin\/dispatch\..*\n$/);
});

test("every endpoint for operators has a command", async () => {
  const asked = new Set<string>();
  const lines: [string, ...string[]][] = [
    ["tasks"],
    ["tasks", "--service", "x"],
    ["cancel", "999999"],
    ["delete", "999999"],
    ["retry", "999999"],
    ["discard", "999999"],
    ["dead-letters"],
    ["dispatch"],
    ["pause"],
    ["resume"],
    ["explain", "999999"],
  ];
  for (const line of lines) {
    const { stderr } = await admin(...line, "--debug");
    for (const [, request = ""] of stderr.matchAll(/^> (\w+ \S+)/gm)) {
      asked.add(
        request
          .replace(service.apiBase, "")
          .replace(/\?.*/, "")
          .replace("999999", "{task_id}")
          .replace("/x/", "/{service}/"),
      );
    }
  }
  const offered = Object.values(endpoints)
    .filter(({ auth }) => auth === "operator")
    .map(({ method, path }) => `${method} ${path}`);
  expect([...asked].sort()).toEqual(offered.sort());
});
