/** Words that the project no longer uses for a thing, and the usual ones. */
export interface OldWords {
  /** In lower case; several words match in any notation: `given up`, `givenUp`, `given_up`, `given-up`. */
  readonly old: readonly string[];
  readonly usual: string;
}

/** A place where an old word stays. */
export interface Exception {
  readonly old: string;
  readonly files: RegExp;
  readonly reason: string;
}

export interface Finding {
  readonly file: string;
  /** 0 for the file's path itself. */
  readonly line: number;
  readonly old: string;
}

/** Only words that are unmistakable: none of them is needed for anything else. */
export const oldWords: readonly OldWords[] = [
  { old: ["attend", "attends", "attended", "attending", "attendance"], usual: "reconcile" },
  { old: ["see off", "sees off", "seen off", "last look"], usual: "re-check" },
  { old: ["look again", "looks again", "looked at again", "two looks"], usual: "re-check, poll" },
  { old: ["express", "short way", "long way"], usual: "fast path, slow path" },
  { old: ["bury", "buries", "buried", "burying", "burial"], usual: "tombstone" },
  { old: ["gate", "gates"], usual: "circuit breaker" },
  { old: ["slot", "slots"], usual: "concurrency limiter, permit" },
  { old: ["duty", "duties"], usual: "maintenance, role" },
  { old: ["bell", "bells", "doorbell", "doorbells"], usual: "wake-up call" },
  { old: ["patience", "hurry"], usual: "polling interval, timeout, forced stop" },
  { old: ["let go", "lets go", "in hand"], usual: "release, in progress" },
  { old: ["sign of life", "signs of life"], usual: "heartbeat" },
  { old: ["given up"], usual: "dead-lettered, dead letter" },
  { old: ["cannot be used", "can be used again"], usual: "unavailable, invalid; available again" },
  { old: ["is away", "are away", "was away", "be away", "turned away"], usual: "unavailable; rejected" },
  { old: ["brought to rest", "come to rest", "comes to rest"], usual: "settled" },
  { old: ["told", "heeded"], usual: "reported, respected" },
  { old: ["not been heard", "was not heard"], usual: "could not wake" },
  { old: ["has not accepted", "safe to repeat"], usual: "did not accept, idempotent" },
  { old: ["nobody is here", "nothing was done"], usual: "not a terminal, nothing changed" },
];

const word = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;
/** What may be between two words of a phrase: nothing, a space, a sign of a notation, the break of a comment's line. */
const gap = /^[\s*/_-]*$/;

/** Finds old words in a file: in its path, and in identifiers, comments, strings and prose of its text. */
export function findOldWords(file: string, text: string): Finding[] {
  const inPath = phrasesIn(file).map(({ old }) => ({ file, line: 0, old }));
  const inText = phrasesIn(text).map(({ old, index }) => ({
    file,
    line: text.slice(0, index).split("\n").length,
    old,
  }));
  return [...inPath, ...inText];
}

/** The phrases of the table by their first word. */
const phrases = Map.groupBy(
  oldWords.flatMap(({ old }) => old),
  (phrase) => phrase.split(" ", 1)[0] ?? "",
);

function phrasesIn(text: string): { old: string; index: number }[] {
  const words = [...text.matchAll(word)];
  const startsAt = (at: number, phrase: string) =>
    phrase.split(" ").every((expected, step) => {
      const [found, before] = [words[at + step], words[at + step - 1]];
      if (found?.[0].toLowerCase() !== expected) return false;
      return step === 0 || (before !== undefined && gap.test(text.slice(before.index + before[0].length, found.index)));
    });
  return words.flatMap(({ 0: first, index }, at) =>
    (phrases.get(first.toLowerCase()) ?? []).filter((phrase) => startsAt(at, phrase)).map((old) => ({ old, index })),
  );
}
