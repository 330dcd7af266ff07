import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { noFigures, publish, runCampaign } from "./history/campaign.ts";
import { faultKinds } from "./history/plan.ts";
import { inForm, isLong, seed } from "./support/run.ts";
import { projectRoot } from "./support/service-process.ts";

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
/** Histories with short waits, and with those of the default configuration. */
const [short, usual] = inForm([8, 0], [292, 8]);
/** The number of the only one that is to be played, with the seed that a failure prints. */
const only = process.env.DMS_HISTORY;
/** No history is begun any more after this time, in ms. */
const limit = inForm(30_000, 90 * 60_000);
/** Time for the last ones to settle, in ms. */
const settleTime = inForm(180_000, 10 * 60_000);

test(
  "whatever users do while Redis, scheduler, clocks and processes fail, the contract holds by its independent checker",
  async () => {
    const figures = noFigures();
    onTestFinished(async () => {
      const table = await publish(figures, join(projectRoot, ".dms", `histories-${isLong ? "long" : "short"}.json`));
      process.stdout.write(`histories (DMS_SEED=${seed}${isLong ? " DMS_FAULTS=long" : ""})\n${table}\n`);
      for (const report of figures.reports.slice(0, 20)) process.stdout.write(`${report}\n`);
    });
    if (only !== undefined) await runCampaign({ numbers: [Number(only)], labs: 1 }, figures);
    else
      await Promise.all([
        runCampaign({ numbers: numbers(0, short), labs: inForm(2, 4), untilMs: limit }, figures),
        runCampaign({ numbers: numbers(short, usual), labs: 1, lab: { waits: "default" }, untilMs: limit }, figures),
      ]);
    expect(figures.broken).toEqual({});
    expect(figures.accepted).toBeGreaterThan(figures.histories);
    if (!isLong || only !== undefined) return;
    expect(figures.histories).toBe(short + usual);
    // A fault of the scheduler counts where a request has met it.
    const countOf = (name: string) => figures.met[name] ?? figures.faults[name] ?? 0;
    // One that this machine cannot play was never begun.
    const played = faultKinds.filter(({ name, possible }) => possible === undefined || name in figures.faults);
    const rare = played.filter(({ name }) => countOf(name) < 100).map(({ name }) => name);
    expect(rare).toEqual([]);
    expect(figures.kills).toBeGreaterThanOrEqual(500);
  },
  limit + settleTime,
);
