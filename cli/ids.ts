import { compareTaskIds, isTaskId } from "../task-state/redis/keys.ts";
import { usageFailure } from "./exit-code.ts";

const mostIds = 100_000;
/** Names an entry of the queue that holds no task: the time in ms at which it came, and a number. */
const entryId = /^\d{13}-\d+$/;

/**
 * Task ids from lists and ranges such as `1,2,5-9`, each once, in the order given; also ids of the queue's entries where
 * they may stand for what was given up.
 * @throws Failure with the usage code
 */
export function parseIds(texts: readonly string[], { entries = false } = {}): string[] {
  const ids = new Set<string>();
  for (const part of texts.flatMap((text) => text.split(","))) {
    if (entries && entryId.test(part)) ids.add(part);
    else for (const id of idsOf(part.trim())) ids.add(id);
    if (ids.size > mostIds) throw usageFailure(`more than ${mostIds} tasks at once`);
  }
  if (ids.size === 0) throw usageFailure("which task? Give its id", "Ids look like 17, or 1,2,5-9 for several.");
  return [...ids];
}

function idsOf(part: string): string[] {
  const [, from = part, to = from] = /^(\d+)-(\d+)$/.exec(part) ?? [];
  if (!isTaskId(from) || !isTaskId(to)) {
    throw usageFailure(`${JSON.stringify(part)} is not a task id`, "Ids look like 17, or 1,2,5-9 for several.");
  }
  if (compareTaskIds(to, from) < 0) throw usageFailure(`the range ${part} runs backwards`);
  const [first, last] = [BigInt(from), BigInt(to)];
  if (last - first >= mostIds) throw usageFailure(`the range ${part} has more than ${mostIds} tasks`);
  return Array.from({ length: Number(last - first) + 1 }, (_, index) => String(first + BigInt(index)));
}
