import { setTimeout as delay } from "node:timers/promises";
import { acquirePermit, findHold, holdText, type TaskStateContext, type View } from "../../../../task-state/index.ts";
import type { Policy } from "./policy.ts";

/** Whether a submission may go out under the limits that hold across all dispatchers. */
export type Turn =
  | { readonly kind: "granted" }
  /** It has to wait for reasons of its user, or of everybody. */
  | { readonly kind: "held"; readonly hold: string }
  /** Its turn has not come while the lease leaves time for the request itself. */
  | { readonly kind: "too_long" };

/** Longest wait before the limits are asked again, in ms. */
const longestPause = 250;

/** Waits for a place; what begins to hold the task back meanwhile is noticed. */
export async function awaitTurn(
  { primary }: TaskStateContext,
  { id, sidecar }: View,
  { caps, lease }: Policy,
  stopping: AbortSignal,
): Promise<Turn> {
  const user = sidecar?.user ?? "";
  const parkedBefore = sidecar?.hold !== undefined;
  const until = performance.now() + lease / 4;
  for (let waited = false; performance.now() < until && !stopping.aborted; waited = true) {
    const hold = waited ? await findHold(primary, user) : undefined;
    if (hold !== undefined) return { kind: "held", hold: holdText(hold, user) };
    const permit = await acquirePermit(primary, id, user, caps, lease, parkedBefore);
    if (permit.kind === "granted") return permit;
    if (permit.kind === "user_full") {
      return { kind: "held", hold: "as many submissions of this user as allowed are under way" };
    }
    await delay(Math.min(permit.ms, longestPause), undefined, { signal: stopping }).catch(() => {});
  }
  return { kind: "too_long" };
}
