import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import type { Submitted } from "./support/client.ts";
import { createPlay, judgement } from "./support/play.ts";
import { openStage, type Stage } from "./support/stage.ts";
import { tracesOf } from "./support/traces.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());
const play = createPlay(() => stage);

const wants = ["cancel", "delete"] as const;
type Wanted = (typeof wants)[number];

/** Fails while the task can be seen by its readers, or when it is not as a cancellation shows. */
async function expectAsked(task: Submitted, wanted: Wanted): Promise<void> {
  const shown = await stage.client.get(task);
  if (wanted === "cancel") return expect(shown?.status).toBe("cancel_requested");
  expect(shown).toBeUndefined();
  expect((await stage.client.list(task.user)).map(({ task_id }) => task_id)).not.toContain(task.id);
}

async function untilOver(task: Submitted, wanted: Wanted): Promise<void> {
  if (wanted === "cancel") await play.untilStatus(task, "cancelled");
  else await until(async () => (await tracesOf(stage.redis, task.id)).length === 0, { timeoutMs: 10_000 });
}

async function expectNeverSubmitted(...tasks: Submitted[]): Promise<void> {
  const { submissions, cancels } = await stage.scheduler.report();
  for (const { id } of tasks) {
    expect(submissions[id]).toBeUndefined();
    expect(cancels[id]).toBeUndefined();
  }
}

describe("a task that was never submitted", () => {
  test("is over at once and never reaches the scheduler when no dispatcher runs", async () => {
    await Promise.all(stage.dispatchers.map((dispatcher) => dispatcher.kill("SIGTERM")));
    const [cancelled, deleted] = [await play.submit("early"), await play.submit("early")];
    expect((await play.cancel(cancelled))?.status).toBe("cancelled");
    expect((await play.delete(deleted))?.status).toBe("pending");
    expect(await tracesOf(stage.redis, deleted.id)).toEqual([]);
    const other = await play.submit("early");
    await Promise.all(stage.dispatchers.map((dispatcher) => dispatcher.start()));
    await play.untilStatus(other, "completed");
    await expectNeverSubmitted(cancelled, deleted);
  });

  test("is over at once and never reaches the scheduler when its user is blocked", async () => {
    await stage.scheduler.block(true, "held");
    const tasks = [await play.submit("held"), await play.submit("held"), await play.submit("held")] as const;
    const [cancelled, deleted, other] = tasks;
    await until(async () => (await stage.redis.zcard("dms:parked:user:held")) === 3);
    expect((await play.cancel(cancelled))?.status).toBe("cancelled");
    await play.delete(deleted);
    expect(await tracesOf(stage.redis, deleted.id)).toEqual([]);
    expect((await stage.client.get(other))?.status).toBe("pending");
    await stage.scheduler.block(false, "held");
    await play.untilStatus(other, "completed");
    await expectNeverSubmitted(cancelled, deleted);
  });
});

describe.each(wants)("%s", (wanted) => {
  test.concurrent.each([
    { what: "has not taken", taken: false, executions: undefined },
    { what: "has taken", taken: true, executions: 1 },
  ])("waits for the end of a submission that the scheduler $what", async ({ taken, executions }) => {
    const user = `sending-${wanted}-${taken}`;
    await stage.scheduler.fault({ kind: "hang", taken, count: 1, user });
    const task = await play.submit(user, { ms: "60000" });
    await play.untilReceived(task);
    await play[wanted](task);
    await expectAsked(task, wanted);
    await untilOver(task, wanted);
    const report = await stage.scheduler.report();
    expect(report.submissions[task.id]).toHaveLength(1);
    expect(report.executions[task.id]).toBe(executions);
  });

  test.concurrent("ends the job of a running task", async () => {
    const task = await play.run(`running-${wanted}`);
    await play[wanted](task);
    await untilOver(task, wanted);
    expect((await stage.scheduler.report()).endings[task.id]).toEqual(["cancelled"]);
  });

  test.concurrent("is sent again after a 500, a reset and no answer", async () => {
    const user = `again-${wanted}`;
    const task = await play.run(user);
    const on = "cancel";
    await stage.scheduler.fault({ on, kind: "status", status: 500, count: 2, user });
    await stage.scheduler.fault({ on, kind: "reset", count: 1, user });
    await stage.scheduler.fault({ on, kind: "hang", count: 1, user });
    await play[wanted](task);
    await expectAsked(task, wanted);
    await untilOver(task, wanted);
    // The record says it before the answer is counted.
    const report = await until(async () => {
      const report = await stage.scheduler.report();
      return report.cancels[task.id]?.length === 3 && report;
    });
    expect(report.cancels[task.id]?.map(({ status }) => status)).toEqual([500, 500, 202]);
    expect(report.endings[task.id]).toEqual(["cancelled"]);
  });

  test.concurrent("is confirmed by a 404 while the record exists", async () => {
    const user = `unknown-${wanted}`;
    const task = await play.run(user);
    await stage.scheduler.forget(task.id);
    await stage.scheduler.fault({
      on: "cancel",
      kind: "status",
      status: 404,
      detail: "not found in shared store",
      count: 1,
      user,
    });
    await play[wanted](task);
    await untilOver(task, wanted);
    expect((await stage.scheduler.report()).cancels[task.id]).toHaveLength(1);
  });

  test.concurrent("that the scheduler refuses is a dead letter, and an operator may send it again", async () => {
    const user = `refused-${wanted}`;
    const task = await play.run(user);
    await stage.scheduler.fault({
      on: "cancel",
      kind: "status",
      status: 403,
      detail: "Task identity mismatch",
      count: 1,
      user,
    });
    await play[wanted](task);
    const letters = async () => JSON.stringify((await stage.client.operate("GET", "/dead-letters?limit=100")).body);
    await until(async () => (await letters()).includes(`"task_id":"${task.id}"`));
    expect(await letters()).toContain("Task identity mismatch");
    await expectAsked(task, wanted);
    expect((await stage.client.operate("POST", `/dead-letters/${task.id}/retry`)).status).toBe(200);
    await untilOver(task, wanted);
    expect((await stage.scheduler.report()).endings[task.id]).toEqual(["cancelled"]);
  });

  test.concurrent.each([
    { what: "was confirmed", faults: [] },
    { what: "was carried out, its answer lost", faults: [{ kind: "reset", taken: true }] as const },
  ])("that $what stays so when a writer puts the record back that has read it before", async ({ what, faults }) => {
    const user = `late-${wanted}-${what.length}`;
    const task = await play.run(user);
    await stage.scheduler.fault(...faults.map((fault) => ({ ...fault, on: "cancel" as const, count: 1, user })));
    await stage.scheduler.lateWrite(task.id, 300);
    await play[wanted](task);
    await untilOver(task, wanted);
    await until(async () => (await stage.scheduler.state()).writes === 0);
    if (wanted === "delete") await expectAsked(task, wanted);
    await untilOver(task, wanted);
  });

  test.concurrent("stays asked for when a writer overwrites it while the scheduler cannot be asked", async () => {
    const user = `overwritten-${wanted}`;
    const task = await play.run(user);
    await stage.scheduler.fault({ on: "cancel", kind: "hang", count: 1, user });
    await stage.scheduler.lateWrite(task.id, 100);
    await play[wanted](task);
    await until(async () => (await stage.redis.get(keys.record(task.id)))?.includes('"running"'));
    await expectAsked(task, wanted);
    await untilOver(task, wanted);
  });

  test.concurrent("that many ask for at once is carried out once", async () => {
    const task = await play.run(`crowd-${wanted}`);
    await Promise.all(Array.from({ length: 20 }, () => play[wanted](task)));
    await untilOver(task, wanted);
    expect((await stage.scheduler.report()).endings[task.id]).toEqual(["cancelled"]);
  });
});

test("a task that ends while its cancellation cannot be sent keeps its own ending, or goes without a trace", async () => {
  await stage.scheduler.fault({ on: "cancel", kind: "status", status: 500, count: 20, user: "ending" });
  const [cancelled, deleted] = [await play.submit("ending", { ms: "300" }), await play.submit("ending", { ms: "300" })];
  await Promise.all([cancelled, deleted].map((task) => play.untilStatus(task, "running")));
  await Promise.all([play.cancel(cancelled), play.delete(deleted)]);
  await play.untilStatus(cancelled, "completed");
  await untilOver(deleted, "delete");
});

test("during an outage a cancellation and a deletion wait for the scheduler, and are sent when it is available again", async () => {
  const running = [await play.run("outage"), await play.run("outage")] as const;
  await stage.scheduler.listen(false);
  const waiting = [await play.submit("outage"), await play.submit("outage")] as const;
  await pause(300);
  for (const [cancelled, deleted] of [running, waiting])
    await Promise.all([play.cancel(cancelled), play.delete(deleted)]);
  await expectAsked(running[0], "cancel");
  await expectAsked(running[1], "delete");
  await pause(500);
  await expectAsked(running[0], "cancel");
  await stage.scheduler.listen(true);
  for (const [cancelled, deleted] of [running, waiting]) {
    await untilOver(cancelled, "cancel");
    await untilOver(deleted, "delete");
  }
  await expectNeverSubmitted(...waiting);
});

test.each(wants)("%s at any moment of a task's life leaves nothing behind", async (wanted) => {
  const moments = Array.from({ length: 60 }, (_, index) => index * 4);
  await Promise.all(
    moments.map(async (moment) => {
      const task = await play.submit(`moment-${wanted}`);
      await pause(moment);
      await play[wanted](task);
    }),
  );
});

test(
  "every task has ended as its owner wants, and nobody was harmed",
  () => play.judge("cancel and delete"),
  judgement,
);
