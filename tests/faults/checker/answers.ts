import { type Case, parametersArg, textArg } from "./case.ts";
import type { Operation } from "./history.ts";
import { acceptedId, isEnded, isSame, type Shown, shownTask, shownTasks } from "./shown.ts";
import { type Violation, violation } from "./violation.ts";

const verbs = new Set(["submit", "get", "cancel", "delete", "list", "list all"]);
const stopped = new Set(["cancel_requested", "cancelled", "completed", "failed"]);

/** Every answer to a user: it must be explained by what was done before and beside it. */
export function judgeAnswers(of: Case): Violation[] {
  return of.operations.filter(({ verb }) => verbs.has(verb)).flatMap((operation) => judgeAnswer(of, operation));
}

function judgeAnswer(of: Case, operation: Operation): Violation[] {
  const { verb, status, from, to, lost, op } = operation;
  const id = verb === "submit" ? undefined : textArg(operation, "task") || undefined;
  const odd = (text: string) => [violation("answer", id, `${verb} #${op} was answered ${text}`)];
  if (status === undefined || status === 503) {
    const what = status === undefined ? `by nothing (${lost})` : `503 ${JSON.stringify(operation.body)}`;
    return of.disturbed(from, to) ? [] : odd(`${what} although nothing was disturbed`);
  }
  const spoilt = id !== undefined && of.spoilt(id, from, to);
  if (status === 409 && spoilt) return [];
  if (verb === "submit") return status === 202 && acceptedId(operation) !== undefined ? [] : odd(describe(operation));
  if (verb === "list" || verb === "list all")
    return status === 200 ? judgeList(of, operation) : odd(describe(operation));
  if (status === 404) {
    const deletes = of.stories.get(id ?? "")?.deletes ?? [];
    const explained = spoilt || deletes.some((one) => one !== operation && one.from < to);
    return explained ? [] : [violation("unseen", id, `${verb} #${op} found nothing`)];
  }
  const task = shownTask(operation);
  if (status !== 200 || !task) return odd(describe(operation));
  if (verb === "cancel" && !stopped.has(task.status)) return odd(`with the status ${task.status}`);
  return [...judgeShown(of, operation, task, id), ...judgeGhost(of, operation, task)];
}

const describe = ({ status, body }: Operation) => `${status} ${JSON.stringify(body)?.slice(0, 300)}`;

function judgeShown(of: Case, { op, verb }: Operation, task: Shown, wanted?: string): Violation[] {
  const story = of.stories.get(task.task_id);
  const own = story && task.user_id === story.user && isSame(task.parameters, story.parameters);
  const asked = wanted === undefined || wanted === task.task_id;
  if (own && asked) return [];
  const text = `${verb} #${op} showed ${JSON.stringify(task).slice(0, 300)}`;
  return [violation("mixed", wanted ?? task.task_id, text)];
}

/** What was deleted before somebody asked must not be shown to him. */
function judgeGhost(of: Case, { op, verb, from }: Operation, { task_id: id }: Shown): Violation[] {
  const gone = of.stories.get(id)?.deletes.find(({ status, to }) => status === 200 && to < from);
  return gone
    ? [violation("ghost", id, `${verb} #${op} showed it ${Math.round(from - gone.to)} ms after its deletion`)]
    : [];
}

function judgeList(of: Case, operation: Operation): Violation[] {
  const { op, verb, from, to } = operation;
  const tasks = shownTasks(operation);
  if (!tasks) return [violation("answer", undefined, `${verb} #${op} was answered ${describe(operation)}`)];
  const user = verb === "list" ? textArg(operation, "user") : undefined;
  const known = tasks.filter(({ task_id }) => verb === "list" || of.stories.has(task_id));
  const found = known.flatMap((task) => [...judgeShown(of, operation, task), ...judgeGhost(of, operation, task)]);
  for (const [index, { task_id: id }] of tasks.entries()) {
    const before = tasks[index - 1]?.task_id;
    if (before !== undefined && BigInt(before) >= BigInt(id)) {
      found.push(violation("answer", id, `${verb} #${op} showed ${before} before ${id}`));
    }
  }
  const shown = new Set(tasks.map(({ task_id }) => task_id));
  for (const story of of.stories.values()) {
    if (user !== undefined && story.user !== user) continue;
    if (story.acceptedAt === undefined || story.acceptedAt >= from || shown.has(story.id)) continue;
    if (story.deletes.some((one) => one.from < to) || of.spoilt(story.id, from, to)) continue;
    found.push(violation("unseen", story.id, `${verb} #${op} did not show it`));
  }
  return found;
}

/** What each task was shown as: an ended one stays so, a started one never waits again. */
export function judgeLifecycle(of: Case): Violation[] {
  const found: Violation[] = [];
  for (const [id, seen] of of.sights) {
    // A deletion answers with the record as it was, whatever was asked of it before.
    const sights = seen.filter(({ operation }) => operation.verb !== "delete");
    for (const [index, { operation: earlier, task: before }] of sights.entries()) {
      const later = sights
        .slice(index + 1)
        .find(({ operation, task }) => earlier.to < operation.from && !mayFollow(of, before.status, task.status));
      if (!later || !of.stories.has(id)) continue;
      const moved = `${before.status} (#${earlier.op}), then ${later.task.status} (#${later.operation.op})`;
      found.push(violation("lifecycle", id, `shown as ${moved}`));
      break;
    }
  }
  return found;
}

function mayFollow({ header }: Case, before: string, after: string): boolean {
  if (before === after) return true;
  // The scheduler overwrites a confirmed cancellation when one of its writes or a late repetition comes after it.
  if (before === "cancelled") return header.silence === "talks" && after === "cancel_requested";
  if (isEnded(before)) return false;
  if (before === "cancel_requested") return isEnded(after);
  if (before === "running") return after !== "pending" && after !== "dispatching";
  return true;
}

/** Ids are given once. */
export function judgeIds(of: Case): Violation[] {
  const given = new Map<string, Operation>();
  return of.operations.flatMap((operation) => {
    const id = operation.verb === "submit" && operation.status === 202 ? acceptedId(operation) : undefined;
    if (id === undefined) return [];
    const first = given.get(id);
    given.set(id, operation);
    const other = JSON.stringify(parametersArg(operation));
    return first ? [violation("id", id, `given by #${first.op} and by #${operation.op} for ${other}`)] : [];
  });
}
