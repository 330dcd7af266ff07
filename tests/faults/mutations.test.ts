import { expect, onTestFinished, test } from "vitest";
import { describeVerdict } from "./checker/verdict.ts";
import { openLab } from "./history/lab.ts";
import { type Played, playHistory } from "./history/play.ts";
import { copyWith } from "./mutations/copy.ts";
import { actMs, type Mutation, mutations } from "./mutations/table.ts";
import { seed } from "./support/run.ts";

/** A dispatcher on each side of a take-over. */
const dispatchers = 2;
/** Starting a product, and waiting for what breaks at the end of a lease, on a busy machine, in ms. */
const limit = 90_000;

/** Plays what shows the mutation, on the product with these sources. */
async function play(root: string | undefined, { name, silence, fault, caught }: Mutation): Promise<Played> {
  const lab = await openLab({ dispatchers, ...(root === undefined ? {} : { root }) });
  onTestFinished(() => lab.close());
  return playHistory(
    lab,
    { name, seed, silence, users: 3, lanes: [fault ? [fault] : []], atLeastMs: actMs },
    { enough: (violations) => violations.some(({ rule }) => caught.includes(rule)) },
  );
}

test.concurrent.each(mutations)(
  "the checker finds that $name",
  async (mutation) => {
    const { root, remove } = await copyWith(mutation.replacements);
    onTestFinished(remove);
    const { verdict } = await play(root, mutation);
    expect(verdict.violations.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining([expect.toSatisfy((rule) => mutation.caught.includes(rule))]),
    );
  },
  limit,
);

test.concurrent.each(mutations)(
  "the checker finds nothing where it is not so that $name",
  async (mutation) => {
    const { verdict, lines } = await play(undefined, mutation);
    expect(verdict.violations, describeVerdict(lines, verdict)).toEqual([]);
  },
  limit,
);
