import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyRequest } from "fastify";
import { beforeAll, expect, test } from "vitest";
import { taskFields } from "../../functions/background/dispatcher/reconcile/task-fields.ts";
import { requestFields } from "../../shared/http/request-fields.ts";
import { type SequenceFault, sequenceAdvice } from "../../task-state/index.ts";

const root = join(import.meta.dirname, "../..");
let page = "";
/** All sources that a process of ours may run, one after the other. */
let sources = "";

beforeAll(async () => {
  page = await readFile(join(root, "docs/operations.md"), "utf8");
  for await (const path of glob("{functions,shared,task-state,local}/**/*.ts", { cwd: root })) {
    sources += await readFile(join(root, path), "utf8");
  }
});

/** The messages in the tables of log lines, with their levels. */
function linesOnPage(): { level: string; message: string }[] {
  const rows = page.matchAll(/^\| (warn|error|fatal) *\| `([^`]+)` /gm);
  return [...rows].map(([, level = "", message = ""]) => ({ level, message }));
}

test("every warning and error that the source logs is in the tables, with its level", () => {
  const logged = [...sources.matchAll(/\blog\.(warn|error|fatal)\((?:[^;"]|"[^"]*"(?=[,:]))*?"([^"]+)"\s*\)/g)];
  expect(logged.length).toBeGreaterThan(15);
  const known = linesOnPage().map(({ level, message }) => `${level} ${message}`);
  const missing = logged.map(([, level, message]) => `${level} ${message}`).filter((line) => !known.includes(line));
  expect(missing).toEqual([]);
});

test("every line in the tables is one of the source", () => {
  const faults: SequenceFault[] = ["sequence_damaged", "ids_taken"];
  const texts = `${sources}\n${faults.map((fault) => sequenceAdvice(fault)).join("\n")}`;
  const strange = linesOnPage().filter(({ message }) =>
    message.split("…").some((part) => !texts.includes(part.trim())),
  );
  expect(strange).toEqual([]);
});

test("the table of fields has the fields by which lines are joined, in requests, in the dispatcher and on Lambda", () => {
  const [, table = ""] = page.split(/^\| Field +\| Value +\|$/m);
  const [rows = ""] = table.trimStart().split("\n\n");
  const documented = [...rows.matchAll(/^\| `(\w+)` /gm)].map(([, field]) => field);
  const view = { id: "1", raw: null, record: undefined, sidecar: undefined, deleted: false, now: 0, watched: 0 };
  const request = { id: "one", headers: {}, params: {} } as FastifyRequest;
  const joining = Object.keys(taskFields(view));
  expect(Object.keys(requestFields(request)).toSorted()).toEqual(joining.toSorted());
  expect(documented).toEqual([...joining, "awsRequestId"]);
});
