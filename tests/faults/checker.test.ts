import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Line } from "./checker/history.ts";
import { judge } from "./checker/verdict.ts";

const room = join(import.meta.dirname, "checker");

test("the checker imports nothing but its own files and zod", () => {
  const files = readdirSync(room);
  expect(files.length).toBeGreaterThan(5);
  const imports = files.flatMap((file) => {
    const text = readFileSync(join(room, file), "utf8");
    return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name = ""]) => name);
  });
  const foreign = imports.filter((name) => !/^\.\/[a-z-]+\.ts$/.test(name) && name !== "zod" && name !== "node:fs");
  expect(foreign).toEqual([]);
});

const [user, parameters] = ["alice", { marker: "alice-0" }];
const task = (status: string) => ({ task_id: "7", service: "sync", user_id: user, status, parameters });
const sets = Object.fromEntries(
  ["index:tasks", "index:service:sync", `index:service:sync:user:${user}`].map((key) => [key, ["7"]]),
);

/** One user's history in short: each entry one act with its answer, 100 ms after the one before. */
type Act = readonly [verb: string, args: Record<string, unknown>, status?: number, body?: unknown];

interface Given {
  readonly acts?: readonly Act[];
  readonly submissions?: readonly { readonly at: number; readonly status?: number; readonly executed?: boolean }[];
  readonly silence?: "talks" | "later" | "never";
  readonly record?: string | null;
  readonly afterMs?: number | undefined;
}

const submitted: Act = ["submit", { user, parameters }, 202, { task_id: "7", status: "pending" }];
const get = (status: string): Act => ["get", { task: "7", user }, 200, { task: task(status) }];
const once = [{ at: 150, status: 202, executed: true, statusAt: 155, headed: true, parameters }];

function rulesBrokenBy(given: Given): string[] {
  const { acts = [submitted], submissions = once, silence = "talks", record } = given;
  const kept = record === undefined ? JSON.stringify(task("completed")) : record;
  const waits = { timeoutMs: 500, graceMs: 500, leaseMs: 2000, settleMs: 20_000 };
  const lines: Line[] = [
    { kind: "header", name: "a history", seed: 1, silence, ...waits },
    ...acts.flatMap(([verb, args, status, body], op): Line[] => [
      { kind: "invoke", op, actor: verb.startsWith("fault ") ? "fault" : user, verb, args, at: op * 100 },
      { kind: "complete", op, at: op * 100 + 50, ...(status === undefined ? {} : { status }), body },
    ]),
    { kind: "quiet", at: 5000, ...("afterMs" in given ? {} : { afterMs: 100 }) },
    {
      kind: "scheduler",
      submissions: { 7: submissions.map((one) => ({ parameters, ...one })) },
      endings: {},
      harmed: [],
    },
    {
      kind: "store",
      records: kept === null ? {} : { 7: kept },
      metadata: kept === null ? [] : ["7"],
      sets: kept === null ? {} : sets,
    },
  ];
  return [...new Set(judge(lines).violations.map(({ rule }) => rule))];
}

const deletion: Act = ["delete", { task: "7", user }, 200, { task: task("completed") }];
const gone: Act = ["get", { task: "7", user }, 404, { detail: "Task not found" }];
const [list, none]: [Act, Act] = [
  ["list", { user }, 200, { tasks: [task("completed")] }],
  ["list", { user }, 200, { tasks: [] }],
];
const again = { at: 3000, status: 202, executed: true };
const noHelp: Act = ["get", { task: "7", user }, 503, {}];

test.each<[string, Given]>([
  ["a task that is submitted, run and shown", { acts: [submitted, get("running"), get("completed"), list] }],
  ["a deletion that leaves nothing", { acts: [submitted, get("completed"), deletion, gone, none], record: null }],
  ["an answer that a fault explains", { acts: [submitted, ["fault cut", { on: "redis" }], noHelp] }],
  [
    "a second run of a silent scheduler whose answer came to a dispatcher that was killed",
    {
      silence: "later",
      submissions: [...once, again],
      acts: [submitted, ["fault dispatcher killed", { on: "dispatcher" }]],
    },
  ],
])("the checker finds nothing in %s", (_, given) => {
  expect(rulesBrokenBy(given)).toEqual([]);
});

test.each<[string, string[], Given]>([
  ["a task that was never run", ["lost"], { submissions: [] }],
  ["a record that is gone", ["lost"], { record: null }],
  ["a second run", ["twice"], { submissions: [...once, again] }],
  ["a second run of a silent scheduler", ["twice"], { silence: "later", submissions: [...once, again] }],
  ["a task that stays pending", ["stuck"], { submissions: [], record: JSON.stringify(task("pending")) }],
  ["a wait without end", ["stuck"], { afterMs: undefined }],
  ["an early repetition", ["early"], { submissions: [{ at: 100 }, { ...again, at: 200 }] }],
  ["a submission after the end", ["stranger"], { acts: [submitted, get("completed")], submissions: [{ ...again }] }],
  ["another task's parameters", ["mixed"], { record: JSON.stringify({ ...task("completed"), parameters: {} }) }],
  ["an ended task that runs again", ["lifecycle"], { acts: [submitted, get("completed"), get("running")] }],
  ["a deleted task that is shown", ["ghost"], { acts: [submitted, deletion, list], record: null }],
  ["what is left of a deleted task", ["left"], { acts: [submitted, deletion] }],
  ["a list without an accepted task", ["unseen"], { acts: [submitted, none] }],
  ["an accepted task that is not found", ["unseen"], { acts: [submitted, gone] }],
  ["an id that is given twice", ["id"], { acts: [submitted, submitted] }],
  ["a refusal that nothing explains", ["answer"], { acts: [submitted, noHelp] }],
  ["an error of the service", ["answer"], { acts: [submitted, ["get", { task: "7", user }, 500, {}]] }],
])("the checker finds %s", (_, rules, given) => {
  expect(rulesBrokenBy(given)).toEqual(rules);
});
