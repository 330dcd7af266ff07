import { commit } from "../task/commit.ts";
import type { TaskStateContext } from "../task/context.ts";
import { readView } from "../task/view.ts";

/**
 * Purges those of the tasks that have a sidecar but no record, for example after a deletion by another program: such a task
 * cannot be read, submitted or cancelled. Each task is read again before it is purged.
 * @returns the number of tasks purged
 */
export async function purgeOrphans(context: TaskStateContext, ids: readonly string[]): Promise<number> {
  return (await Promise.all(ids.map((id) => purgeOrphan(context, id)))).filter(Boolean).length;
}

async function purgeOrphan(context: TaskStateContext, id: string): Promise<boolean> {
  const view = await readView(context, id);
  if (view.raw !== null || !view.sidecar) return false;
  return (await commit(context, view, { remove: "purge" })) !== undefined;
}
