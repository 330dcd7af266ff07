import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cliReference } from "../../cli/docs.ts";
import { createContext, type Owner } from "../../task-state/index.ts";
import { bin, startProcess } from "../cli/support/run.ts";
import { operatorToken, useService } from "../cli/support/service.ts";
import { change } from "../task-state/support.ts";
import { readPage } from "./support/block.ts";
import { commandReference } from "./support/documents.ts";

const owner: Owner = { service: "sync", user: "alice" };
const service = useService({ stepMs: 20, steps: 2 });
let folder = "";

/** Examples that are not run, with the reason. */
const notRun: Readonly<Record<string, string>> = {
  "dms-frontend serve --host 0.0.0.0 --port 8000": "it stays; tests/cli/service.test.ts runs the command",
  "dms-frontend serve --reload": "it stays; tests/cli/service.test.ts runs the command",
  "dms-frontend dev": "it stays; tests/cli/service.test.ts runs the command",
  "source <(dms-frontend completion zsh)": "it is for another shell",
};

const examples = readPage(cliReference())
  .blocks.filter(({ language }) => language === "sh")
  .flatMap(({ text }) => text.split("\n").filter((line) => !line.startsWith("#")));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dms-reference-"));
  await symlink(bin, join(folder, "dms-frontend"));
  await symlink(process.execPath, join(folder, "node"));
  await mkdir(join(folder, ".config/fish/completions"), { recursive: true });
  await writeFile(join(folder, "job.yaml"), "src: /a\ndst: /b\n");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  const lines = Object.entries(notRun).map(
    ([example, reason]) => `${commandReference}: ${example}: not run: ${reason}`,
  );
  process.stdout.write(`${lines.join("\n")}\n`);
});

/** The examples name tasks 1 to 17. */
const tasks = 17;
type State = "dead" | "running" | "ended";

/** What state an example's tasks are in: those that wait for an end have found it, dead letters are sent or discarded. */
function stateFor(example: string): State {
  if (/ admin (retry|discard|dead-letters)\b/.test(example)) return "dead";
  return / tasks (wait|watch|logs)\b/.test(example) ? "ended" : "running";
}

/** Makes the tasks of an example and gives the id before the first one. */
async function makeTasks(state: State): Promise<number> {
  const context = createContext({ primary: service.redis });
  const ids: number[] = [];
  while (ids.length < tasks) {
    const id = await service.store.register(owner, {});
    ids.push(Number(id));
    if (state !== "dead") {
      await service.store.update(id, { status: "running", logs: ["An error that is passed over"] });
      if (state === "ended") await service.store.update(id, { status: "completed" });
      continue;
    }
    await change(context, id, {
      record: { status: "failed" },
      sidecar: { dead: "submit", attempts: 1, error: "429" },
      deadLetter: { request: "submit", attempts: 1, error: "429" },
    });
  }
  return (ids[0] ?? 0) - 1;
}

/** The example with the ids of these tasks instead of 1 to 17. */
function withIds(example: string, before: number): string {
  return example.replaceAll(/(?<= )(\d+)(?:[,-]\d+)*(?= |$)/g, (ids) =>
    ids.replaceAll(/\d+/g, (id) => String(before + Number(id))),
  );
}

test("the reference has examples, and those that are not run are among them", () => {
  expect(examples.length).toBeGreaterThan(40);
  expect(examples).toEqual(expect.arrayContaining(Object.keys(notRun)));
});

test.each(examples.filter((example) => !Object.hasOwn(notRun, example)))("%s", async (example) => {
  const commands = withIds(example, await makeTasks(stateFor(example)));
  const ended = await startProcess("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", commands], {
    cwd: folder,
    input: "",
    env: {
      PATH: [folder, process.env.PATH].join(delimiter),
      HOME: folder,
      DMS_API_BASE: service.apiBase,
      DMS_SERVICE: owner.service,
      DMS_USER: owner.user,
      DMS_OPERATOR_TOKEN: operatorToken,
    },
  }).over;
  expect(ended.code, `${commands}\n${ended.stdout}${ended.stderr}`).toBe(0);
});
