import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bin, run, startProcess } from "./support/run.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService();
const away = { DMS_API_BASE: "http://127.0.0.1:9/api/v1", DMS_SERVICE: "sync", DMS_USER: "alice" };

async function complete(env: Record<string, string>, ...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(["__complete", ...words], { env });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t")[0] ?? "");
}

test("commands, options and their choices are completed without the server", async () => {
  expect(await complete(away, "ta")).toEqual(["tasks"]);
  expect(await complete(away, "tasks", "w")).toEqual(["wait", "watch"]);
  expect(await complete(away, "tasks", "list", "--out")).toEqual(["--output"]);
  expect(await complete(away, "tasks", "list", "--output", "j")).toEqual(["json", "jsonl"]);
  expect(await complete(away, "tasks", "list", "--output", "=", "t")).toEqual(["table"]);
  expect(await complete(away, "tasks", "list", "--status", "failed,ru")).toEqual(["failed,running"]);
  expect(await complete(away, "completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(await complete(away, "tasks", "submit", "--params-file", "")).toEqual([":files"]);
});

test("users, task ids and, for operators, services come from the server", async () => {
  const alice = service.newUser();
  const ids = [await service.store.register(alice.owner, { src: "/a" }), await service.store.register(alice.owner, {})];
  await service.store.update(ids[0] ?? "", { status: "completed" });
  const operator = { ...alice.env, DMS_OPERATOR_TOKEN: operatorToken };
  expect(await complete(alice.env, "tasks", "list", "--user", "")).toContain(alice.owner.user);
  expect(await complete(alice.env, "tasks", "status", "")).toEqual([...ids].reverse());
  expect(await complete(alice.env, "tasks", "cancel", "")).toEqual([ids[1]]);
  expect(await complete(alice.env, "tasks", "delete", `${ids[1]},`)).toEqual(
    [...ids].reverse().map((id) => `${ids[1]},${id}`),
  );
  expect(await complete(operator, "tasks", "list", "--service", "sy")).toEqual(["sync"]);
  expect(
    await complete({ DMS_API_BASE: service.apiBase }, "tasks", "list", "--service", "sync", "--user", "us"),
  ).toContain(alice.owner.user);
});

test("a server that is away makes no noise", async () => {
  expect(await complete(away, "tasks", "status", "")).toEqual([]);
  expect(await complete(away, "tasks", "list", "--user", "")).toEqual([]);
  expect(await complete({ ...away, DMS_API_BASE: "nonsense" }, "tasks", "status", "")).toEqual([]);
});

test("bash completes with what it is given to source", async () => {
  const directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await symlink(bin, join(directory, "dms-frontend"));
  const script = `
    source <(dms-frontend completion bash)
    try() { COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _dms_frontend; echo "\${COMPREPLY[*]}"; }
    try dms-frontend tasks wa
    try dms-frontend tasks list --output ""
    try dms-frontend nonsense --x ""
  `;
  const path = [directory, join(process.execPath, ".."), process.env.PATH].join(":");
  const { stdout, stderr } = await startProcess("bash", ["-c", script], { env: { ...away, PATH: path } }).over;
  expect(stderr).toBe("");
  expect(stdout.split("\n").slice(0, 2)).toEqual(["wait watch", "table json jsonl id"]);
});

test("zsh and fish get a script of theirs, other shells are a mistake", async () => {
  expect((await run(["completion", "zsh"])).stdout).toContain("#compdef dms-frontend");
  expect((await run(["completion", "fish"])).stdout).toContain("complete -c dms-frontend");
  expect((await run(["completion", "tcsh"])).code).toBe(2);
});
