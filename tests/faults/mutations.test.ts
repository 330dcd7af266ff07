import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { describeVerdict } from "./checker/verdict.ts";
import { type Lab, openLab } from "./history/lab.ts";
import { type Played, playHistory } from "./history/play.ts";
import { copyWith } from "./mutations/copy.ts";
import { actMs, type Mutation, mutations } from "./mutations/table.ts";
import { seed } from "./support/run.ts";

/** Starting a product, and waiting for what breaks at the end of a lease, on a busy machine, in ms. */
const limit = 90_000;

/** Plays what shows the mutation. */
function play(lab: Lab, { name, silence, fault, caught }: Mutation): Promise<Played> {
  return playHistory(
    lab,
    { name, seed, silence, users: 3, lanes: [fault ? [fault] : []], atLeastMs: actMs, atMostMs: limit },
    { isDone: (violations) => violations.some(({ rule }) => caught.includes(rule)) },
  );
}

test.each(mutations)(
  "the checker finds that $name",
  async (mutation) => {
    const { root, remove } = await copyWith(mutation.replacements);
    onTestFinished(remove);
    const lab = await openLab({ root, dispatchers: mutation.dispatchers ?? 1 });
    onTestFinished(() => lab.close());
    const { verdict } = await play(lab, mutation);
    expect(verdict.violations.filter(({ rule }) => mutation.caught.includes(rule))).not.toEqual([]);
  },
  limit,
);

describe("the checker finds nothing in the product as it is", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  }, limit);
  afterAll(() => lab?.close());

  test.each(mutations)(
    "under what shows that $name",
    async (mutation) => {
      const { verdict, lines } = await play(lab, mutation);
      expect(verdict.violations, describeVerdict(lines, verdict)).toEqual([]);
    },
    limit,
  );
});
