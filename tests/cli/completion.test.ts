import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { bin, run, startProcess } from "./support/run.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService();
const unavailable = { DMS_API_BASE: "http://127.0.0.1:9/api/v1", DMS_SERVICE: "sync", DMS_USER: "alice" };

async function complete(env: Record<string, string>, ...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(["__complete", ...words], { env });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t")[0] ?? "");
}

test("commands, options and their choices are completed without the server", async () => {
  expect(await complete(unavailable, "ta")).toEqual(["tasks"]);
  expect(await complete(unavailable, "tasks", "w")).toEqual(["wait", "watch"]);
  expect(await complete(unavailable, "tasks", "list", "--out")).toEqual(["--output"]);
  expect(await complete(unavailable, "tasks", "list", "--output", "j")).toEqual(["json", "jsonl"]);
  expect(await complete(unavailable, "tasks", "list", "--output=t")).toEqual(["--output=table"]);
  expect(await complete(unavailable, "tasks", "list", "--status", "failed,ru")).toEqual(["failed,running"]);
  expect(await complete(unavailable, "completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(await complete(unavailable, "tasks", "submit", "--params-file", "")).toEqual([":files"]);
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

test("an unavailable server causes no output", async () => {
  expect(await complete(unavailable, "tasks", "status", "")).toEqual([]);
  expect(await complete(unavailable, "tasks", "list", "--user", "")).toEqual([]);
  expect(await complete({ ...unavailable, DMS_API_BASE: "nonsense" }, "tasks", "status", "")).toEqual([]);
});

/** An interactive bash that has sourced the completion. */
async function startBash(env: Record<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await symlink(bin, join(directory, "dms-frontend"));
  const path = [directory, join(process.execPath, ".."), process.env.PATH].join(":");
  const locale = { LC_ALL: "C.UTF-8", TERM: "xterm", SHELL: "/bin/bash" };
  const bash = startProcess("script", ["-qefc", "bash --norc --noprofile -i", "/dev/null"], {
    env: { ...env, ...locale, PATH: path, INPUTRC: "/dev/null" },
    cwd: directory,
  });
  const type = (keys: string) => void bash.child.stdin?.write(keys);
  type("source <(dms-frontend completion bash); stty cols 500; echo rea''dy\r");
  await until(() => bash.output.stdout.includes("ready"));
  return {
    /** Presses Tab behind a line, and gives the words of the completed line. */
    async words(line: string): Promise<string[]> {
      type(`${line}\t`);
      bash.output.stdout = "";
      // Typed keys wait until the completion is done.
      type("\u0001printf '<%s>' \u0005; echo; echo do''ne\r");
      await until(() => /done\r\n/.test(bash.output.stdout));
      const printed = /^(<.*>)\r$/m.exec(bash.output.stdout)?.[1] ?? "";
      return [...printed.matchAll(/<([^>]*)>/g)].map(([, word = ""]) => word);
    },
  };
}

test("bash completes commands, values behind = and names of other people, which it never runs", async () => {
  const names = ["al ice", "$(touch harmed)", "*", "it's", "w:x", "y@z.org", "用户", "back\\slash"];
  for (const user of names) await service.store.register({ service: "names", user }, {});
  const bash = await startBash({ DMS_API_BASE: service.apiBase });
  expect(await bash.words("dms-frontend ta")).toEqual(["dms-frontend", "tasks"]);
  expect(await bash.words("dms-frontend tasks list --output=t")).toContain("--output=table");
  const list = `dms-frontend tasks list --api-base ${service.apiBase} --service names --user`;
  for (const [typed, name] of ["al", "$", "\\*", "i", "w:", "y@", "用", "b"].map(
    (text, at) => [text, names[at]] as const,
  )) {
    expect((await bash.words(`${list} ${typed}`)).at(-1), name).toBe(name);
  }
  expect((await bash.words(`${list}=al\\ i`)).at(-1)).toBe("--user=al ice");
});

test("zsh and fish have their own scripts, other shells are an error", async () => {
  expect((await run(["completion", "zsh"])).stdout).toContain("#compdef dms-frontend");
  expect((await run(["completion", "fish"])).stdout).toContain("complete -c dms-frontend");
  expect((await run(["completion", "tcsh"])).code).toBe(2);
});
