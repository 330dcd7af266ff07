import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { dispatchers, histories } from "./model/actions.ts";
import { createActor } from "./model/actor.ts";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { inForm, printFigures, seed } from "./support/run.ts";
import { openStage } from "./support/stage.ts";

const runs = inForm(20, 150);
/** What a failure prints as its path; with it only that history is played, more than once, as the clock is part of it. */
const path = process.env.DMS_PATH;
const replays = path === undefined ? 1 : 10;
/** No history is begun any more after this time, in ms. */
const limit = path === undefined ? inForm(15_000, 30 * 60_000) : replays * 15_000;

test(
  "whatever users, operators, faults and crashes do, every task ends as its owner wants and nobody is harmed",
  async () => {
    const stage = await openStage({ dispatchers });
    onTestFinished(() => stage.close());
    const totals = { histories: 0, actions: 0, accepted: 0, executed: 0, killed: 0, harm: "0" };

    const begun = performance.now();

    const history = fc.asyncProperty(histories, async ({ scheduler, actions }) => {
      if (performance.now() - begun > limit) return;
      totals.histories += 1;
      await stage.scheduler.change(scheduler);
      const actor = createActor(stage, totals.histories);
      for (const action of actions) {
        await pause(action.after);
        actor.act(action);
      }
      try {
        await actor.settle();
      } finally {
        await actor.heal();
      }
      const verdict = await audit(stage, actor.accepted);
      totals.actions += actions.length;
      totals.accepted += verdict.accepted;
      totals.executed += verdict.executed;
      totals.killed += actor.killed();
      totals.harm = String(figuresOf(verdict).harm);
      expectClean(verdict, stage);
      for (const [id, at] of actor.cancelledUnsent) {
        const later = verdict.report.submissions[id]?.filter((submission) => submission.at > at) ?? [];
        expect(later, `submissions of ${id} after it was cancelled unsent`).toEqual([]);
      }
    });

    try {
      for (let replay = 0; replay < replays; replay += 1) {
        await fc.assert(history, {
          seed,
          ...(path === undefined ? {} : { path }),
          numRuns: path === undefined ? runs : 1,
          // The clock is part of every history, so a smaller one need not fail as well.
          endOnFailure: true,
        });
      }
    } finally {
      printFigures("model", totals);
    }
  },
  limit + 120_000,
);
