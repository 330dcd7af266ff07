import type { Stage } from "./stage.ts";

/** A group of measurements whose lines are comparable. */
export interface Row {
  /** The name for `--only`. */
  readonly name: string;
  measure(stage: Stage): Promise<Line[]>;
}

/** One line of the report. */
export interface Line {
  readonly name: string;
  /** The median of the rounds. */
  readonly value: number;
  readonly unit: "/s" | "ms" | "MiB";
  /** The reference of the ratio, measured alternately with the value. */
  readonly against?: { readonly name: string; readonly value: number; readonly rounds?: readonly number[] };
  readonly rounds?: readonly number[];
  readonly goal?: Goal;
}

/** The goal of a line; both ends of the range are optional. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly atLeast?: number;
  readonly below?: number;
}

/** The value divided by its reference; `undefined` without a reference. */
export function ratioOf({ value, against }: Line): number | undefined {
  return against && value / against.value;
}

/** True when a line reaches its goal; `undefined` without a goal. */
export function isMet(line: Line): boolean | undefined {
  if (!line.goal) return undefined;
  const { of, atLeast = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = line.goal;
  const judged = of === "ratio" ? ratioOf(line) : line.value;
  return judged !== undefined && judged >= atLeast && judged < below;
}
