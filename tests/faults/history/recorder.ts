import type { Line } from "../checker/history.ts";

/** What an act came to: an answer, or none. Anything else is not recorded. */
export interface Answered {
  readonly status?: number;
  readonly body?: unknown;
  readonly lost?: string;
}

/** Writes down what actors do and see, in the order in which it happens. */
export interface Recorder {
  readonly lines: readonly Line[];
  /** Writes the invocation, acts, and writes the completion. An act that throws completes all the same, and throws on. */
  act<T extends Answered | undefined>(
    actor: string,
    verb: string,
    args: Readonly<Record<string, unknown>>,
    act: () => Promise<T>,
  ): Promise<T>;
  write(line: Line): void;
}

/** Time in ms since the epoch that no step of a clock moves. */
export const timeNow = () => performance.timeOrigin + performance.now();

/** An empty history. */
export function createRecorder(): Recorder {
  const lines: Line[] = [];
  let op = 0;
  return {
    lines,
    async act(actor, verb, args, act) {
      op += 1;
      const own = op;
      lines.push({ kind: "invoke", op: own, actor, verb, args, at: timeNow() });
      let answered: Answered | undefined;
      try {
        const done = await act();
        answered = done;
        return done;
      } finally {
        lines.push({ kind: "complete", op: own, at: timeNow(), ...answered });
      }
    },
    write: (line) => void lines.push(line),
  };
}
