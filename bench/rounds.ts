/**
 * Runs contenders in turn, A B A B …, so that a drift of the machine meets all alike. The first turn of each warms it up
 * and does not count.
 * @returns each contender's figures, in order
 */
export async function inTurn<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (const name of names) await contenders[name]();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) figures[name].push(await contenders[name]());
  }
  return figures;
}

/** The middle one, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  return (percentile(figures, 0.5) + percentile(figures, 0.5, "upper")) / 2;
}

/** The smallest (or, for `upper`, the next larger where the part falls between two) figure that covers a part of all. */
export function percentile(figures: readonly number[], part: number, side: "lower" | "upper" = "lower"): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const rank = part * sorted.length;
  const index = side === "lower" ? Math.ceil(rank) - 1 : Math.floor(rank);
  const figure = sorted[Math.min(Math.max(index, 0), sorted.length - 1)];
  if (figure === undefined) throw new Error("there is no percentile of nothing");
  return figure;
}
