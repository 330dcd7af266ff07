import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { bin, startProcess } from "./support/run.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService();
const scripts = join(import.meta.dirname, "../../examples/scripts");
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "dms-cli-"));
  await symlink(bin, join(directory, "dms-frontend"));
  await symlink(process.execPath, join(directory, "node"));
});
afterAll(() => rm(directory, { recursive: true }));

function script(name: string, args: readonly string[], env: Record<string, string>) {
  const path = `${directory}:${process.env.PATH}`;
  return startProcess(join(scripts, name), args, {
    env: { DMS_API_BASE: service.apiBase, ...env, PATH: path },
    input: "",
  }).over;
}

test("sync-and-wait submits, waits, and ends with the outcome as its exit code", async () => {
  const { env, owner } = service.newUser();
  const done = await script("sync-and-wait.sh", ["/from", "/to dir"], env);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Task \d+: completed/) });
  const [record = ""] = (await service.store.page(owner, { limit: 1, order: "desc" })).tasks;
  expect(JSON.parse(record).parameters).toEqual({ src: "/from", dst: "/to dir" });
});

test("sync-and-wait times out and shows the log", async () => {
  const { env } = service.newUser();
  const late = await script("sync-and-wait.sh", ["/a", "/b"], { ...env, TIMEOUT: "1ms" });
  expect(late.code).toBe(124);
  expect(late.stderr).toMatch(/still running/);
});

test("cancel-old cancels what is older than asked, and nothing else", async () => {
  const { env, owner } = service.newUser();
  const ids = [await service.store.register(owner, {}), await service.store.register(owner, {})];
  await service.store.update(ids[1] ?? "", { status: "completed" });
  const young = await script("cancel-old.sh", [], env);
  expect(young).toMatchObject({ code: 0, stdout: "" });
  const old = await script("cancel-old.sh", ["0s"], env);
  expect(old).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`^Task ${ids[0]}: cancel[a-z ]+\n$`)),
  });
});

test("nightly-failures reports recent failures as CSV, whenever the tasks were created", async () => {
  const { owner } = service.newUser();
  const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000).toISOString();
  const fail = async (created: number, failed: number) => {
    const id = await service.store.register(owner, {});
    await service.store.update(id, { status: "failed", logs: ['Disk "a", full'] });
    const record = JSON.parse((await service.redis.get(keys.record(id))) ?? "");
    await service.redis.set(
      keys.record(id),
      JSON.stringify({ ...record, created_at: hours(created), updated_at: hours(failed) }),
    );
    return id;
  };
  const [long, old] = [await fail(72, 1), await fail(72, 48)];
  const { code, stdout } = await script("nightly-failures.sh", [], { DMS_OPERATOR_TOKEN: operatorToken });
  expect(code).toBe(0);
  const [header, ...rows] = stdout.trimEnd().split("\n");
  expect(header).toBe('"task","service","user","failed","reason"');
  expect(rows).toEqual([expect.stringMatching(new RegExp(`^"${long}","sync","user\\d+","[^"]+","Disk ""a"", full"$`))]);
  const wider = await script("nightly-failures.sh", ["50"], { DMS_OPERATOR_TOKEN: operatorToken });
  expect(wider.stdout).toContain(`\n"${old}",`);
  expect((await script("nightly-failures.sh", [], { DMS_OPERATOR_TOKEN: "wrong" })).code).toBe(4);
});
