import type { Case, Story } from "./case.ts";
import { mayRepeat } from "./excuse.ts";
import type { Submission } from "./history.ts";
import { isEnded, isSame } from "./shown.ts";
import { type Violation, violation } from "./violation.ts";

/** Answers that say that nothing was begun: the submission may be sent again at once. */
const notBegun = new Set([403, 404, 408, 425, 429, 503]);
/** How much earlier than counted a repetition may look, for the way to the scheduler, in ms. */
const blur = 60;

const runs = (submissions: readonly Submission[]) => submissions.filter(({ executed }) => executed);

/** What the scheduler ran, against what was submitted: each task at most once, none unknown, none that was over. */
export function judgeExecutions(of: Case): Violation[] {
  const found: Violation[] = [];
  for (const [id, submissions] of Object.entries(of.ledger.submissions)) {
    const story = of.stories.get(id);
    if (!story)
      found.push(violation("stranger", id, `${submissions.length} submissions of a task that nobody submitted`));
    else found.push(...judgeSubmissions(of, story));
  }
  for (const { harm, id, seen } of of.ledger.harmed) {
    const doubled = harm === "second_submission" || harm === "execution_after_end";
    const submissions = runs(of.ledger.submissions[id] ?? []);
    const excused = doubled && repetitions(submissions).every(([one, other]) => mayRepeat(of, one, other));
    if (!excused) found.push(violation("harm", id, `${harm}: ${seen.slice(0, 300)}`));
  }
  return found;
}

function judgeSubmissions(of: Case, story: Story): Violation[] {
  const { id, submissions } = story;
  const found: Violation[] = [];
  for (const { parameters } of submissions) {
    if (!isSame(parameters, story.parameters)) {
      found.push(violation("stranger", id, `submitted with the parameters ${JSON.stringify(parameters)}`));
    }
  }
  for (const [one, other] of repetitions(runs(submissions))) {
    if (!mayRepeat(of, one, other)) {
      found.push(violation("twice", id, `run at ${one.at} (answer ${one.status ?? "none"}) and at ${other.at}`));
    }
  }
  for (const [one, other] of repetitions(submissions)) {
    const unknown = one.status === undefined || !(notBegun.has(one.status) || isAccepted(one.status));
    if (unknown && other.at - one.at < of.header.graceMs - blur) {
      found.push(violation("early", id, `sent again ${other.at - one.at} ms after an unknown fate`));
    }
  }
  const { timeoutMs, leaseMs } = of.header;
  for (const { at } of submissions) {
    const over = of.sights.get(id)?.find(({ operation, task }) => operation.to < at && isEnded(task.status));
    if (over) found.push(violation("stranger", id, `submitted at ${at}, shown as ${over.task.status} before`));
    const want = [...story.cancels, ...story.deletes].find(
      ({ status, to }) => status === 200 && to + timeoutMs + leaseMs < at,
    );
    if (want) found.push(violation("revived", id, `submitted ${Math.round(at - want.to)} ms after its ${want.verb}`));
  }
  return found;
}

const isAccepted = (status: number) => status >= 200 && status < 300;

function repetitions(submissions: readonly Submission[]): [Submission, Submission][] {
  return submissions.slice(1).flatMap((other, index) => {
    const one = submissions[index];
    return one ? [[one, other]] : [];
  });
}
