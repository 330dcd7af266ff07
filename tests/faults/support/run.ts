import { createRandom, type Random } from "./random.ts";

/** True in the long form, `npm run test:faults`. */
export const isLong = process.env.DMS_FAULTS === "long";

/** What the short form does, or the long one. */
export function inForm<T>(short: T, long: T): T {
  return isLong ? long : short;
}

/** The seed of this run: `DMS_SEED`, or one by chance. Printed with the figures. */
export const seed = Number(process.env.DMS_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Chance by the seed of this run; the same for the same name. */
export function randomFor(name: string): Random {
  let hash = seed;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return createRandom(hash);
}

/** Prints a test's figures in one line. */
export function printFigures(name: string, figures: Readonly<Record<string, number | string>>): void {
  const words = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`);
  process.stdout.write(`${name}: ${words.join(", ")} (DMS_SEED=${seed}${isLong ? " DMS_FAULTS=long" : ""})\n`);
}
