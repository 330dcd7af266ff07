/** Kinds of what must not be. */
export const rules = [
  /** An accepted task was never run, or its record is gone, though nobody wanted that. */
  "lost",
  /** A task was run more than once. */
  "twice",
  /** A task has not come to its end in time. */
  "stuck",
  /** The scheduler was harmed. */
  "harm",
  /** Something was run that nobody had submitted, or that had ended, or with other parameters. */
  "stranger",
  /** A submission of unknown fate was sent again before the grace was over. */
  "early",
  /** A task was submitted long after its cancellation or deletion was answered. */
  "revived",
  /** A task has ended otherwise than it may. */
  "wrong",
  /** Something is left of a deleted task. */
  "left",
  /** An answer that nothing explains. */
  "answer",
  /** A deleted task was seen again. */
  "ghost",
  /** A task was not shown that must be. */
  "unseen",
  /** A status moved as the life cycle does not allow. */
  "lifecycle",
  /** An id was given twice. */
  "id",
  /** A task showed what belongs to another one. */
  "mixed",
] as const;
export type Rule = (typeof rules)[number];

export interface Violation {
  readonly rule: Rule;
  /** The task that it concerns. */
  readonly task?: string;
  readonly text: string;
}

/** A violation of one task. */
export function violation(rule: Rule, task: string | undefined, text: string): Violation {
  return task === undefined ? { rule, text } : { rule, task, text };
}
