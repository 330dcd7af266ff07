/**
 * Runs contenders alternately, A B A B …, so that changes of the machine affect all alike. The first run of each is a
 * warm-up and does not count.
 * @returns each contender's figures, in order
 */
export async function alternate<Name extends string>(
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

/** The median: the middle figure, or the mean of the two middle ones. */
export function median(figures: readonly number[]): number {
  return (percentile(figures, 0.5) + percentile(figures, 0.5, "upper")) / 2;
}

/** The percentile of a part from 0 to 1; when it falls between two figures, the lower or the upper one. */
export function percentile(figures: readonly number[], part: number, side: "lower" | "upper" = "lower"): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const rank = part * sorted.length;
  const index = side === "lower" ? Math.ceil(rank) - 1 : Math.floor(rank);
  const figure = sorted[Math.min(Math.max(index, 0), sorted.length - 1)];
  if (figure === undefined) throw new Error("no figures for a percentile");
  return figure;
}
