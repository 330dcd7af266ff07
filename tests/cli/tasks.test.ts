import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { bin, startProcess } from "./support/run.ts";
import { useService } from "./support/service.ts";

const service = useService({ stepMs: 2000 });

test("the commands of the former command line take the same words and print the server's JSON", async () => {
  const owner = ["--service", "sync", "--user", "veteran"];
  const base = ["--api-base", service.apiBase];
  const submitted = await service.run([
    ...["tasks", "submit", ...owner, "--param", "input=value", "--param", "mode=fast", ...base],
  ]);
  expect(submitted).toMatchObject({ code: 0, stderr: "" });
  const { task_id: id, status } = JSON.parse(submitted.stdout);
  expect(status).toBe("pending");

  const shown = await service.run(["tasks", "status", ...owner, "--task-id", id, ...base]);
  expect(JSON.parse(shown.stdout).task).toMatchObject({ task_id: id, parameters: { input: "value", mode: "fast" } });
  const listed = await service.run(["tasks", "list", ...owner, ...base]);
  expect(JSON.parse(listed.stdout).tasks).toMatchObject([{ task_id: id }]);
  const users = await service.run(["tasks", "users", "--service", "sync", ...base]);
  expect(JSON.parse(users.stdout).users).toContain("veteran");
  const cancelled = await service.run(["tasks", "cancel", ...owner, "--task-id", id, ...base]);
  expect(JSON.parse(cancelled.stdout).task.status).toMatch(/cancel/);
  const deleted = await service.run(["tasks", "delete", ...owner, "--task-id", id, ...base]);
  expect(JSON.parse(deleted.stdout).task.task_id).toBe(id);
  expect((await service.run(["tasks", "status", ...owner, "--task-id", id, ...base])).code).toBe(3);
});

test("environment variables are the defaults of options, and options take precedence", async () => {
  const alice = service.newUser();
  await service.store.register(alice.owner, {});
  expect(JSON.parse((await alice.run("tasks", "list")).stdout).tasks).toHaveLength(1);
  expect(JSON.parse((await alice.run("tasks", "list", "--user", "nobody")).stdout).tasks).toHaveLength(0);
});

test("a list comes as JSON, as JSON lines, as a table and as ids", async () => {
  const alice = service.newUser();
  const ids = [await service.store.register(alice.owner, { src: "/a" }), await service.store.register(alice.owner, {})];
  const out = async (...args: string[]) => (await alice.run("tasks", "list", ...args)).stdout.trimEnd();
  expect(JSON.parse(await out("--output", "json")).tasks.map((task: { task_id: string }) => task.task_id)).toEqual(ids);
  const lines = (await out("--output", "jsonl")).split("\n").map((line) => JSON.parse(line).task_id);
  expect(lines).toEqual(ids);
  expect((await out("--output", "id")).split("\n")).toEqual(ids);
  const [header, first, second] = (await out("--output", "table")).split("\n");
  expect(header?.split(/\s+/)).toEqual(["ID", "STATUS", "PROGRESS", "CREATED", "UPDATED", "PARAMETERS"]);
  expect([first?.split(/\s+/)[0], second?.split(/\s+/)[0]]).toEqual([...ids].reverse());
});

test("a list can be filtered by status and age, limited and ordered", async () => {
  const alice = service.newUser();
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.push(await service.store.register(alice.owner, {}));
  for (const id of [ids[1], ids[3]]) await service.store.update(id ?? "", { status: "failed" });
  const chosen = async (...args: string[]) =>
    (await alice.run("tasks", "list", "--output", "id", ...args)).stdout.split("\n").filter(Boolean);
  expect(await chosen("--status", "failed")).toEqual([ids[1], ids[3]]);
  expect(await chosen("--status", "failed,pending", "--order", "desc", "--limit", "2")).toEqual([ids[4], ids[3]]);
  expect(await chosen("--limit", "3")).toEqual(ids.slice(0, 3));
  expect(await chosen("--since", "1h")).toEqual(ids);
  expect(await chosen("--since", "2099-01-01", "--order", "desc")).toEqual([]);
  expect(JSON.parse((await alice.run("tasks", "list", "--status", "failed")).stdout).tasks).toHaveLength(2);
});

test("exact times are shown in the requested time zone", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  const { created_at: created } = JSON.parse((await service.store.get(id)) ?? "");
  const shown = async (...zone: string[]) =>
    (await alice.run("tasks", "status", id, "--output", "table", ...zone)).stdout;
  const utc = new Date(created).toISOString().slice(0, 19).replace("T", " ");
  expect(await shown("--utc")).toContain(`${utc}Z`);
  expect(await shown("--timezone", "Asia/Seoul")).toContain(created.slice(0, 19).replace("T", " "));
  expect(await shown()).toMatch(/created\s+(now|\d+s ago)/);
  expect(await alice.run("tasks", "status", id, "--output", "table", "--timezone", "Mars/Base")).toMatchObject({
    code: 2,
  });
});

test("submit --output id prints only the id", async () => {
  const alice = service.newUser();
  const { stdout } = await alice.run("tasks", "submit", "--output", "id");
  expect(stdout).toMatch(/^[1-9]\d*\n$/);
});

test("parameters come from a YAML or JSON text unchanged, and --param takes precedence", async () => {
  const { env, owner } = service.newUser();
  const submit = async (input: string, ...args: string[]) => {
    const run = await service.run(["tasks", "submit", "--params-file", "-", "--output", "id", ...args], { env, input });
    if (run.code !== 0) return run;
    return JSON.parse((await service.store.get(run.stdout.trim(), owner)) ?? "").parameters;
  };
  expect(await submit("src: /a\ncount: 007\nratio: 1.0\nyes: no\nempty: ''\n", "-p", "src=/b")).toEqual({
    src: "/b",
    count: "007",
    ratio: "1.0",
    yes: "no",
    empty: "",
  });
  expect(await submit('{"src": "/ü 用户\\n", "big": 12345678901234567890, "on": true}')).toEqual({
    src: "/ü 用户\n",
    big: "12345678901234567890",
    on: "true",
  });
  expect(await submit("src: [1, 2]")).toMatchObject({ code: 2 });
  expect(await submit("- a\n- b")).toMatchObject({ code: 2 });
  expect(await submit("{")).toMatchObject({ code: 2 });
});

test("a parameters file in another encoding is refused, not misread", async () => {
  const { env } = service.newUser();
  const directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "job.yaml");
  await writeFile(file, Buffer.from("src: /caf\u00e9", "latin1"));
  expect(await service.run(["tasks", "submit", "--params-file", file], { env })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("is not UTF-8"),
  });
});

test.each([
  ["a byte that is no text", Buffer.from("src=/a\xff", "latin1"), "is not UTF-8"],
  ["half of a surrogate pair in a parameters file", '{"src": "\\ud800"}', 'parameter "src" must be valid Unicode'],
  ["NUL in a parameters file", '{"src": "a\\u0000b"}', 'parameter "src" must not contain a NUL character'],
])("%s is refused before anything is sent", async (_, text, why) => {
  const { env } = service.newUser();
  const run =
    typeof text === "string"
      ? await service.run(["tasks", "submit", "--params-file", "-"], { env, input: text })
      : await startProcess(
          "sh",
          ["-c", `exec "$0" "$1" tasks submit --param "$(printf '${octal(text)}')"`, process.execPath, bin],
          { env, input: "" },
        ).over;
  expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(why) });
});

/** For printf: a shell passes on bytes that no string of Node.js holds. */
function octal(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}

test("submissions with the same idempotency key, in any script, create one task", async () => {
  const alice = service.newUser();
  const submit = async (key: string) =>
    (await alice.run("tasks", "submit", "--output", "id", "--idempotency-key", key)).stdout;
  const first = await submit("ключ");
  expect(first).toMatch(/^\d+\n$/);
  expect(await submit("ключ")).toBe(first);
  expect(await submit("другой")).not.toBe(first);
});

test("unicode and control characters survive a pipe and cannot steer a terminal", async () => {
  const alice = service.newUser();
  const value = "ünïcødé 用户 \u001b[31mred\u001b[0m\n\u202etail";
  const { stdout } = await alice.run("tasks", "submit", "-p", `text=${value}`, "--output", "id");
  const id = stdout.trim();
  expect(JSON.parse((await alice.run("tasks", "status", id)).stdout).task.parameters.text).toBe(value);
  const table = (await alice.run("tasks", "status", id, "--output", "table")).stdout;
  expect(table).toContain("ünïcødé 用户 \\x1b[31mred");
  expect(table).not.toContain("\u001b");
});

test("a record with parameters that are not strings is shown, too", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  const record = JSON.parse((await service.redis.get(keys.record(id))) ?? "");
  await service.redis.set(keys.record(id), JSON.stringify({ ...record, parameters: { n: 5, list: ["a"], no: null } }));
  expect((await alice.run("tasks", "list", "--output", "table")).stdout).toContain('n=5 list=["a"] no=null');
  expect(await alice.run("tasks", "status", id, "--output", "table")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/n +5\n +list +\["a"\]\n +no +null/),
  });
});

test("several tasks are handled one line each, and an error of one does not stop the others", async () => {
  const alice = service.newUser();
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) ids.push(await service.store.register(alice.owner, {}));
  const [first, second, third, fourth] = ids as [string, string, string, string];
  const status = await alice.run("tasks", "status", `${first},${second}`, `${third}-${fourth}`, "--output", "id");
  expect(status).toMatchObject({ code: 0, stdout: `${ids.join("\n")}\n` });
  const partly = await alice.run("tasks", "cancel", `${first},999999,${second}`, "--yes", "--output", "table");
  expect(partly.code).toBe(1);
  expect(partly.stdout).toMatch(new RegExp(`^Task ${first}: cancel.*\nTask ${second}: cancel.*\n$`));
  expect(partly.stderr).toBe("dms-frontend: task 999999: Task not found\n");
  const deleted = await alice.run("tasks", "delete", ids.join(","), "--yes");
  expect(JSON.parse(deleted.stdout).tasks).toHaveLength(4);
  expect(deleted.code).toBe(0);
});

test("several tasks are not changed without --yes when there is no terminal", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  const refused = await alice.run("tasks", "delete", `${id},${Number(id) + 1}`);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("--yes");
  expect(await service.store.get(id, alice.owner)).toBeDefined();
});

test("logs prints the messages with their times, and those that match a pattern", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  await service.store.update(id, { logs: ["copy, first part", "Disk is full"] });
  const lines = (await alice.run("tasks", "logs", id)).stdout.trimEnd().split("\n");
  expect(lines).toEqual([
    expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.+]+ copy, first part$/),
    expect.stringMatching(/ Disk is full$/),
  ]);
  expect((await alice.run("tasks", "logs", id, "--grep", "DISK|tape")).stdout).toMatch(/^\S+ Disk is full\n$/);
  expect(JSON.parse((await alice.run("tasks", "logs", id, "--output", "json")).stdout)).toHaveLength(2);
  expect(await alice.run("tasks", "logs", id, "--grep", "(")).toMatchObject({ code: 2 });
});
