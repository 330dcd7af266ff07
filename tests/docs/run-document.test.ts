import { expect, test } from "vitest";
import { run, startProcess } from "../cli/support/run.ts";
import { readPage } from "./support/block.ts";
import { makeCheckout } from "./support/checkout.ts";
import { runDocument } from "./support/run-document.ts";
import { runSteps } from "./support/shell.ts";
import { readSteps } from "./support/step.ts";

const sh = (...lines: string[]) => ["```sh", ...lines, "```", ""];
const output = (...lines: string[]) => ["<!-- output -->", "```text", ...lines, "```", ""];
const document = (...parts: string[][]) => runDocument(parts.flat().join("\n"));

test("a page that tells the truth has no faults", async () => {
  expect(
    await document(
      sh("npm ci && npm start"),
      output("…listens on http://127.0.0.1:8000/api/v1", "…", "Ctrl-C stops it.", "…"),
      sh("api=http://localhost:8000/api/v1", "touch kept"),
      sh('curl -X POST "$api/services/sync/users/alice/tasks?src=/a"'),
      output('{ "task_id": "1", "status": "pending" }'),
      ["<!-- before: dms-frontend tasks logs 1 --service sync --user alice --follow >/dev/null & sleep 0 -->"],
      sh("ls kept; export DMS_SERVICE=sync DMS_USER=alice", "dms-frontend tasks list", "npx dms-frontend tasks users"),
      output("kept", "ID STATUS PROGRESS CREATED UPDATED PARAMETERS", "1 … src=/a", "USER", "alice"),
      sh('dms-frontend tasks status 7; echo "exit code $?"'),
      output("dms-frontend: Task not found. …", "exit code 3"),
      sh("redis-cli GET task:id:sequence", "redis-cli -h localhost -p 6379 PING"),
      output('"1"', "PONG"),
      ["<!-- not run: there is no cluster -->", ...sh("kubectl get pods; exit 1")],
    ),
  ).toEqual([]);
});

test("a command that fails without a word of it in the output shown is a fault", async () => {
  const [step] = readSteps(readPage([...sh("false; echo 1"), ...output("1")].join("\n")).blocks);
  const options = { checkout: await makeCheckout(), redisPort: 0, ports: new Map(), env: {} };
  expect(await runSteps(step ? [step] : [], options)).toMatchObject([{ end: "failed", printed: "" }]);
});

test("another output, a failing command and what it keeps from running are faults with their lines", async () => {
  expect(
    await document(
      sh("echo one"),
      output("two"),
      sh("false", "echo after"),
      ["<!-- before: false -->", ...sh("true")],
      sh("true"),
    ),
  ).toEqual([
    "line 1: the document shows\n  two\nand its commands print\n  one",
    expect.stringMatching(/^line 10: a command fails/),
    expect.stringMatching(/^line 16: not reached/),
    expect.stringMatching(/^line 20: not reached/),
  ]);
});

test("what the service does not write at its start, and the output of what is not run, are faults", async () => {
  expect(await document(sh("npm test"), output("all tests passed"))).toEqual([
    "line 1: the output of npm test is not compared: do not show it",
  ]);
});

test("a step that does not end times out, and is told apart from one that fails", async () => {
  const commands = ["echo 1", "echo 2; sleep 600", "echo 3"];
  const steps = commands.map((text, index) => ({ line: index, commands: text, special: [] }));
  const options = { checkout: await makeCheckout(), redisPort: 0, ports: new Map(), env: {}, limitSeconds: 1 };
  expect((await runSteps(steps, options)).map(({ end, printed }) => [end, printed.trim()])).toEqual([
    ["done", "1"],
    ["timed out", "2"],
    ["not reached", expect.anything()],
  ]);
});

test("npx finds the command in a checkout", async () => {
  const { directory } = await makeCheckout();
  const [found, built] = await Promise.all([
    startProcess("npx", ["dms-frontend", "--version"], { cwd: directory, input: "" }).over,
    run(["--version"]),
  ]);
  expect(found.stdout).toBe(built.stdout);
});
