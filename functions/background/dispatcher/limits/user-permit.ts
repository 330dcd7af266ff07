import { setTimeout as delay } from "node:timers/promises";
import { acquirePermit, findHold, holdText, type TaskStateContext, type View } from "../../../../task-state/index.ts";
import type { Policy } from "./policy.ts";

/** Whether the limits that all dispatchers share allow a submission. */
export type PermitDecision =
  | { readonly kind: "granted" }
  /** A hold on its user, or on all users, applies. */
  | { readonly kind: "held"; readonly hold: string }
  /** No permit was granted while the lease leaves time for the request itself. */
  | { readonly kind: "timed_out" };

/** Longest wait before the permit is requested again, in ms. */
const longestPause = 250;

/** Waits for a permit, and stops waiting when a hold begins to apply. */
export async function awaitPermit(
  { primary }: TaskStateContext,
  { id, sidecar }: View,
  { caps, lease }: Policy,
  stopping: AbortSignal,
): Promise<PermitDecision> {
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
  return { kind: "timed_out" };
}
