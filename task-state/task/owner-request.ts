import type { Change } from "./commands.ts";
import type { Sidecar } from "./sidecar.ts";

/**
 * The change that records what the owner wants and enqueues the task. A new request starts afresh: it drops the waits of an
 * earlier one, and its dead letter.
 */
export function ownerRequest(want: "cancel" | "delete", sidecar: Sidecar | undefined): Change {
  if (!sidecar) return { sidecar: { phase: "foreign", want }, enqueue: true };
  const waiting = sidecar.phase === "sending" ? {} : { dueAt: null };
  if (sidecar.dead === undefined) return { sidecar: { want, ...waiting }, enqueue: true };
  return {
    sidecar: { want, ...waiting, dead: null, cancelAttempts: 0, cancelTries: null },
    deadLetter: null,
    enqueue: true,
  };
}
