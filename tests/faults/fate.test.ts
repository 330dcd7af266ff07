import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { type AcceptedTask, audit, expectClean, figuresOf } from "./support/audit.ts";
import type { Submitted } from "./support/client.ts";
import { printFigures } from "./support/run.ts";
import type { FaultSettings } from "./support/scheduler.ts";
import { openStage, type Stage } from "./support/stage.ts";

interface Case {
  readonly name: string;
  readonly fault: Omit<FaultSettings, "user" | "count">;
  /** Submissions that the scheduler receives until the task is executed. */
  readonly submissions: number;
}

const unknownFates: Case[] = [
  { name: "no answer within the time", fault: { kind: "hang" }, submissions: 2 },
  { name: "no answer within the time, but taken", fault: { kind: "hang", taken: true }, submissions: 1 },
  { name: "an answer that comes too late", fault: { kind: "late", ms: 700 }, submissions: 1 },
  { name: "a reset before the request was read", fault: { kind: "reset" }, submissions: 2 },
  { name: "a reset after it was carried out", fault: { kind: "reset", taken: true }, submissions: 1 },
  ...[500, 502, 504].flatMap((status): Case[] => [
    { name: `${status}`, fault: { kind: "status", status }, submissions: 2 },
    { name: `${status}, but taken`, fault: { kind: "status", status, taken: true }, submissions: 1 },
  ]),
];

const notStarted: Case[] = [
  ...[404, 408, 425, 429, 503].map(
    (status): Case => ({ name: `${status}`, fault: { kind: "status", status }, submissions: 2 }),
  ),
  {
    name: "429 with Retry-After",
    fault: { kind: "status", status: 429, retryAfter: "1" },
    submissions: 2,
  },
  {
    name: "403 of a block that no key shows",
    fault: { kind: "status", status: 403, detail: "Requests are blocked" },
    submissions: 2,
  },
];

const accepted = new Map<string, AcceptedTask>();
let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ dispatchers: 2 });
});
afterAll(() => stage?.close());

async function submit(user: string): Promise<Submitted> {
  const task = await stage.client.submit(user);
  if (!task) throw new Error("not accepted");
  accepted.set(task.id, { ...task, want: "none" });
  return task;
}

const cases = [...unknownFates, ...notStarted];
const userOf = ({ name }: Case) => `user-${cases.findIndex((one) => one.name === name)}`;

describe("a task is executed exactly once", () => {
  beforeAll(async () => {
    await stage.scheduler.fault(...cases.map((one) => ({ ...one.fault, user: userOf(one), count: 1 })));
    await Promise.all(cases.map((one) => submit(userOf(one))));
    await audit(stage, accepted);
  });

  test.each(cases)("after $name", async (one) => {
    const [task] = [...accepted.values()].filter(({ user }) => user === userOf(one));
    const report = await stage.scheduler.report();
    const id = task?.id ?? "";
    expect(report.executions[id]).toBe(1);
    expect(report.submissions[id]).toHaveLength(one.submissions);
    expect(report.endings[id]).toEqual(["completed"]);
  });

  // The scheduler sees the first request a little later than the dispatcher counts from, hence the tolerance below.
  test("an unknown fate is judged after the grace, not before", async () => {
    const report = await stage.scheduler.report();
    for (const one of unknownFates.filter(({ submissions }) => submissions === 2)) {
      const [task] = [...accepted.values()].filter(({ user }) => user === userOf(one));
      const [first, second] = report.submissions[task?.id ?? ""] ?? [];
      expect((second?.at ?? 0) - (first?.at ?? 0), one.name).toBeGreaterThanOrEqual(450);
    }
  });

  test("Retry-After is waited for", async () => {
    const [task] = [...accepted.values()].filter(
      ({ user }) => user === userOf(cases.find(({ name }) => name === "429 with Retry-After") as Case),
    );
    const [first, second] = (await stage.scheduler.report()).submissions[task?.id ?? ""] ?? [];
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(950);
  });
});

test.each([
  { what: "had taken", taken: true, submissions: 1 },
  { what: "had not taken", taken: false, submissions: 2 },
])("a submission that the scheduler $what when its dispatcher was killed is executed once", async (one) => {
  const { scheduler, dispatchers } = stage;
  const user = `killed-${one.taken}`;
  await scheduler.fault({ kind: "hang", taken: one.taken, user, count: 1 });
  const { id } = await submit(user);
  await until(async () => (await scheduler.report()).submissions[id]);
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.kill()));
  await Promise.all(dispatchers.map((dispatcher) => dispatcher.start()));
  await audit(stage, accepted);
  const report = await scheduler.report();
  expect(report.executions[id]).toBe(1);
  expect(report.submissions[id]).toHaveLength(one.submissions);
});

test("a submission that the scheduler takes later than the grace lasts, while a pause holds its task, is executed once", async () => {
  const { scheduler, client, redis } = stage;
  // It answers too late, writes too late, and has not started the job when the pause ends.
  await scheduler.change({ writeDelay: [2000, 2000], startDelay: 1500 });
  const { id } = await submit("late");
  await until(async () => (await scheduler.report()).submissions[id]);
  await client.operate("POST", "/dispatch/pause");
  await until(async () => (await redis.hget(keys.sidecar(id), "hold")) !== null);
  await scheduler.change({ writeDelay: [0, 20] });
  await until(async () => (await redis.get(keys.record(id)))?.includes("Task accepted by scheduler"));
  await client.operate("POST", "/dispatch/resume");
  await audit(stage, accepted);
  const report = await scheduler.report();
  expect(report.submissions[id]).toHaveLength(1);
  expect(report.executions[id]).toBe(1);
});

test("nobody was harmed", async () => {
  const verdict = await audit(stage, accepted);
  printFigures("fate", figuresOf(verdict));
  expectClean(verdict, stage);
});
