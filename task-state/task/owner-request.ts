import type { Change } from "./commands.ts";
import type { Sidecar } from "./sidecar.ts";

/**
 * The change that brings what a task's owner wants to a dispatcher. A new wish starts afresh: it waits for nothing that an
 * earlier one has waited for, and nothing is given up yet.
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
