import type { Case, Story } from "./case.ts";
import { isEnded, isSame, shownRecord } from "./shown.ts";
import { type Violation, violation } from "./violation.ts";

/** What has become of each task when nothing moves any more: ended as its owner wanted, or gone without a trace. */
export function judgeEnds(of: Case): Violation[] {
  const found = [...of.stories.values()].flatMap((story) => judgeEnd(of, story));
  const { afterMs, left = "" } = of.quiet;
  const late = afterMs === undefined || afterMs > of.header.settleMs;
  if (late && !found.some(({ rule }) => rule === "stuck")) {
    found.push(violation("stuck", undefined, `not settled ${of.header.settleMs} ms after the last fault: ${left}`));
  }
  return found;
}

function judgeEnd(of: Case, story: Story): Violation[] {
  const { id, deletes, record, acceptedAt } = story;
  if (deletes.some(({ status }) => status === 200)) return judgeTraces(of, story);
  if (record === undefined) {
    const expected = acceptedAt !== undefined && deletes.length === 0;
    return expected ? [violation("lost", id, "its record is gone")] : [];
  }
  const task = shownRecord(record);
  if (!task) return [violation("wrong", id, `its record cannot be read: ${record.slice(0, 200)}`)];
  if (task.user_id !== story.user || !isSame(task.parameters, story.parameters) || task.task_id !== id) {
    return [violation("mixed", id, `its record is ${record.slice(0, 300)}`)];
  }
  const missing = setsOf(story).filter((key) => !of.store.sets[key]?.includes(id));
  if (missing.length > 0) return [violation("wrong", id, `it is not in ${missing.join(", ")}`)];
  return judgeStatus(of, story, task.status);
}

function judgeStatus(of: Case, story: Story, status: string): Violation[] {
  const { id, cancels, deletes, submissions, record = "" } = story;
  const ran = submissions.some(({ executed }) => executed);
  const refused = submissions.some((one) => isRefusal(one.status));
  const cancelled = cancels.some((one) => one.status === 200);
  const touched = cancels.length + deletes.length > 0;
  const endless = of.header.silence === "never" && ran && !cancelled;
  if (!isEnded(status) && !(endless && (status === "running" || touched))) {
    return [violation("stuck", id, `it is ${status}, run ${ran ? "once" : "never"}: ${record.slice(0, 600)}`)];
  }
  const ended = (expected: boolean) =>
    expected ? [] : [violation("wrong", id, `it is ${status}: ${record.slice(0, 600)}`)];
  if (story.parameters.refuse !== undefined) return ended(status === "failed" || (touched && status === "cancelled"));
  if (status === "cancelled") return ended(touched);
  if (status === "failed") return ended(refused || touched);
  return ran ? [] : [violation("lost", id, `it is ${status}, but was never run`)];
}

/** Answers behind which a submission is not sent again. */
function isRefusal(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500 && ![403, 404, 408, 425, 429].includes(status);
}

function judgeTraces(of: Case, story: Story): Violation[] {
  const { id, record } = story;
  const held = Object.entries(of.store.sets).flatMap(([key, members]) => (members.includes(id) ? [key] : []));
  const traces = [
    ...(record === undefined ? [] : [`task:${id}`]),
    ...(of.store.metadata.includes(id) ? [`task:${id}:metadata`] : []),
    ...held,
  ];
  return traces.length === 0 ? [] : [violation("left", id, `deleted, but there is ${traces.join(", ")}`)];
}

/** The shared sets that hold the id of a task; every task is one of the service `sync`. */
function setsOf({ user }: Story): string[] {
  return ["index:tasks", "index:service:sync", `index:service:sync:user:${user}`];
}
