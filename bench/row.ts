import type { Stage } from "./stage.ts";

/** What is measured together; its lines can be compared with each other. */
export interface Row {
  /** As `--only` takes it. */
  readonly name: string;
  measure(stage: Stage): Promise<Line[]>;
}

/** One line of the report. */
export interface Line {
  readonly name: string;
  /** The median of the rounds. */
  readonly value: number;
  readonly unit: "/s" | "ms" | "MiB";
  /** What the value is divided by for the ratio, measured in turn with it. */
  readonly against?: { readonly name: string; readonly value: number; readonly rounds?: readonly number[] };
  readonly rounds?: readonly number[];
  readonly goal?: Goal;
}

/** What a line should reach; both ends of a range are optional. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly atLeast?: number;
  readonly below?: number;
}

/** Value by reference; `undefined` without a reference. */
export function ratioOf({ value, against }: Line): number | undefined {
  return against && value / against.value;
}

/** Whether a line reaches its goal; `undefined` without one. */
export function isMet(line: Line): boolean | undefined {
  if (!line.goal) return undefined;
  const { of, atLeast = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = line.goal;
  const judged = of === "ratio" ? ratioOf(line) : line.value;
  return judged !== undefined && judged >= atLeast && judged < below;
}
