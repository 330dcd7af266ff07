import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { parseRecord } from "../support/record.ts";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { startLoad } from "./support/load.ts";
import { judgement } from "./support/play.ts";
import { inForm, printFigures, randomFor } from "./support/run.ts";
import { openStage, type Stage } from "./support/stage.ts";

const seconds = inForm(3, 30);
/** Requests that one dispatcher has under way at once. */
const concurrency = 8;
const dispatchers = 2;

const outages = {
  "refuses connections": {
    begin: ({ scheduler }: Stage) => scheduler.listen(false),
    end: ({ scheduler }: Stage) => scheduler.listen(true),
  },
  "answers 503": {
    begin: ({ scheduler }: Stage) =>
      scheduler.fault({ kind: "status", status: 503 }, { kind: "status", status: 503, on: "cancel" }),
    end: ({ scheduler }: Stage) => scheduler.noFaults(),
  },
};

test.each(Object.entries(outages))(
  "a scheduler that %s under load delays every task, fails none, and gets no stampede afterwards",
  async (name, outage) => {
    const stage = await openStage({
      dispatchers,
      environment: { DMS_DISPATCH_MAX_ATTEMPTS: "3" },
      scheduler: { writeDelay: [10, 20] },
    });
    onTestFinished(() => stage.close());
    const random = randomFor(name);
    const address = () => stage.address();
    const load = startLoad({ address, users: ["alice", "bob", "carol"], random });
    await pause(500);
    const from = Date.now();
    await outage.begin(stage);
    await pause(seconds * 1000);
    await load.stop();
    const waiting = await statuses(stage, load.accepted.keys());
    expect(waiting.failed).toBeUndefined();
    const back = Date.now();
    await outage.end(stage);
    const verdict = await audit(stage, load.accepted);

    const all = Object.values(verdict.report.submissions)
      .flat()
      .sort((one, other) => one.at - other.at || one.concurrent - other.concurrent);
    const arrivals = all.filter(({ at }) => at >= back);
    const probes = all.filter(({ at }) => at >= from && at < back).length;
    const peak = Math.max(...arrivals.map(({ concurrent }) => concurrent));
    const drained = ((arrivals.at(-1)?.at ?? back) - back) / 1000;
    printFigures(`outage (${name})`, {
      ...figuresOf(verdict),
      seconds,
      backlog: waiting.pending ?? 0,
      "requests meanwhile": probes,
      "drained in s": drained.toFixed(1),
      peak,
    });
    expectClean(verdict, stage);
    expect(waiting.pending).toBeGreaterThan(seconds * 10);
    // What was under way when it began, and then one probe of each dispatcher at the pace of the backoff, 0.1 s on average.
    expect(probes).toBeLessThan(dispatchers * (3 * concurrency + seconds * 20));
    // Each dispatcher begins with one probe, and what it has under way doubles with every answer.
    for (const [index, { concurrent }] of arrivals.entries()) {
      const answered = Math.max(0, index + 1 - concurrent);
      expect(concurrent, `arrival ${index}`).toBeLessThanOrEqual(2 ** answered + dispatchers);
    }
    expect(peak).toBeLessThanOrEqual(dispatchers * concurrency);
    expect(peak).toBeGreaterThan(concurrency);
  },
  judgement + seconds * 1000,
);

async function statuses({ redis }: Stage, ids: Iterable<string>): Promise<Partial<Record<string, number>>> {
  const counts: Partial<Record<string, number>> = {};
  for (const raw of await redis.mget([...ids].map(keys.record))) {
    const status = raw === null ? "gone" : (parseRecord(raw)?.status ?? "unreadable");
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}
