import { judgeAnswers, judgeIds, judgeLifecycle } from "./answers.ts";
import { type Case, caseOf } from "./case.ts";
import { judgeEnds } from "./ends.ts";
import { judgeExecutions } from "./executions.ts";
import { historyOf, type Line } from "./history.ts";
import type { Rule, Violation } from "./violation.ts";

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly figures: {
    readonly operations: number;
    readonly accepted: number;
    /** Tasks that were run once. */
    readonly executed: number;
    /** Submissions without a 202. */
    readonly unanswered: number;
    /** Violations by rule; rules that were kept are absent. */
    readonly broken: Partial<Record<Rule, number>>;
  };
}

/** Judges a history by the contract alone. */
export function judge(lines: readonly Line[]): Verdict {
  const of = caseOf(historyOf(lines));
  const violations = [judgeExecutions, judgeAnswers, judgeLifecycle, judgeIds, judgeEnds].flatMap((rule) => rule(of));
  const broken: Partial<Record<Rule, number>> = {};
  for (const { rule } of violations) broken[rule] = (broken[rule] ?? 0) + 1;
  const stories = [...of.stories.values()];
  const submits = of.operations.filter(({ verb }) => verb === "submit");
  return {
    violations,
    figures: {
      operations: of.operations.length,
      accepted: stories.filter(({ acceptedAt }) => acceptedAt !== undefined).length,
      executed: stories.filter(({ submissions }) => submissions.filter(({ executed }) => executed).length === 1).length,
      unanswered: submits.filter(({ status }) => status !== 202).length,
      broken,
    },
  };
}

/** The violations, each with what the history shows of its task and of the faults around it. */
export function describeVerdict(lines: readonly Line[], { violations }: Verdict, most = 10): string {
  const of = caseOf(historyOf(lines));
  const { name, seed, silence } = of.header;
  const head = `${name} (seed ${seed}, the scheduler ${silence}): ${violations.length} violations`;
  const described = violations.slice(0, most).map(({ rule, task, text }) => {
    return [`- ${rule}${task === undefined ? "" : ` of task ${task}`}: ${text}`, ...excerpt(of, task)].join("\n");
  });
  return [head, ...described].join("\n");
}

function excerpt(of: Case, id: string | undefined): string[] {
  const story = of.stories.get(id ?? "");
  if (!story) return [];
  const begin = of.operations[0]?.from ?? 0;
  const at = (time: number) => (Number.isFinite(time) ? `${Math.round(time - begin)}` : "never");
  const own = of.operations.filter(
    (one) =>
      (one.args.task === story.id && one.actor !== "fault") ||
      JSON.stringify(one.args.parameters ?? "").includes(`"${story.parameters.marker}"`),
  );
  const times = [...own.map(({ from }) => from), ...story.submissions.map((one) => one.at)];
  const [first, last] = [Math.min(...times) - 1000, Math.max(...times) + 1000];
  const near = of.faults.filter(({ from, to }) => from <= last && to >= first);
  const entries = [
    ...[...own, ...near].map((one) => {
      const answer = one.actor === "fault" ? "" : ` → ${one.status ?? one.lost ?? "nothing"}`;
      return [one.from, `${at(one.from)}–${at(one.to)} ${one.actor} ${one.verb} ${JSON.stringify(one.args)}${answer}`];
    }),
    ...(of.sights.get(story.id) ?? []).map(({ operation, task }) => {
      return [operation.to, `${at(operation.to)} #${operation.op} ${operation.verb} shows ${task.status}`];
    }),
    ...story.submissions.map((one) => {
      const { parameters, ...rest } = one;
      return [one.at, `${at(one.at)} scheduler receives it: ${JSON.stringify({ ...rest, at: undefined })}`];
    }),
  ] as [number, string][];
  entries.sort(([one], [other]) => one - other);
  return [...entries.slice(0, 40).map(([, line]) => `    ${line}`), `    at the end: ${story.record ?? "no record"}`];
}
