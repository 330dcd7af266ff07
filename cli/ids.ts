import { compareTaskIds, isTaskId, mayNameTask } from "../task-state/redis/keys.ts";
import { usageFailure } from "./exit-code.ts";

const maxIds = 100_000;
/** The id of a queue entry without a task: its time in ms and a number. */
const entryId = /^\d{13}-\d+$/;

/**
 * Parses lists and ranges of task ids such as `1,2,5-9,demo`: each id once, in the given order. Two numbers with a hyphen are
 * a range. With `entries`, also accepts ids of queue entries, which name dead letters without a task.
 * @throws Failure with the usage code
 */
export function parseIds(texts: readonly string[], { entries = false } = {}): string[] {
  const ids = new Set<string>();
  for (const part of texts.flatMap((text) => text.split(","))) {
    if (entries && entryId.test(part)) ids.add(part);
    else for (const id of idsOf(part.trim())) ids.add(id);
    if (ids.size > maxIds) throw usageFailure(`at most ${maxIds} tasks are allowed`);
  }
  if (ids.size === 0) throw usageFailure("no task id given", "Pass an id such as 17, or several such as 1,2,5-9.");
  return [...ids];
}

function idsOf(part: string): string[] {
  const range = /^(\d+)-(\d+)$/.exec(part);
  if (!range && mayNameTask(part)) return [part];
  const [, from = "", to = ""] = range ?? [];
  if (!isTaskId(from) || !isTaskId(to)) {
    throw usageFailure(
      `${JSON.stringify(part)} is not a task id`,
      "Pass an id such as 17, or several such as 1,2,5-9.",
    );
  }
  if (compareTaskIds(to, from) < 0) throw usageFailure(`invalid range ${part}: its end is lower than its start`);
  const [first, last] = [BigInt(from), BigInt(to)];
  if (last - first >= maxIds) throw usageFailure(`the range ${part} exceeds ${maxIds} tasks`);
  return Array.from({ length: Number(last - first) + 1 }, (_, index) => String(first + BigInt(index)));
}
