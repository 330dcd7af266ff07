import { randomFor } from "../support/run.ts";

/**
 * Cards `from` to `from + count` of an endless deck that holds all of `cards` once in every round, each round shuffled by
 * the run's seed: dealt by position, so that a history gets the same cards whichever ran before.
 */
export function deal<T>(name: string, cards: readonly T[], from: number, count: number): T[] {
  const rounds = new Map<number, T[]>();
  return Array.from({ length: cards.length === 0 ? 0 : count }, (_, index) => {
    const at = from + index;
    const round = Math.floor(at / cards.length);
    const shuffled = rounds.get(round) ?? shuffle(cards, `${name}-${round}`);
    rounds.set(round, shuffled);
    return shuffled[at % cards.length] as T;
  });
}

function shuffle<T>(cards: readonly T[], name: string): T[] {
  const random = randomFor(name);
  const keyed = cards.map((card) => ({ card, key: random.next() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ card }) => card);
}
