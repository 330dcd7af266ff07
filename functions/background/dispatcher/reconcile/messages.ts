import { cancellationRequested, type TaskRecord } from "../../../../task-state/index.ts";

/** The entries that a dispatcher writes into a task's log; waits are in ms. Existing clients rely on the first two. */
export const messages = {
  dispatching: "Dispatching to scheduler",
  acknowledged: "Scheduler acknowledged submission",
  evident: "Scheduler has taken the submission",
  cancelledUnsent: "Cancelled before the scheduler had it",
  cancelled: "Scheduler confirmed cancellation",
  tooOld: (seconds: number) => `Not submitted within ${seconds} s: given up`,
  cancelFailed: (attempts: number, cause: string) => `Cancellation failed after ${attempts} attempts: ${cause}`,
  submissionFailed: (attempts: number, cause: string) => `Submission failed after ${attempts} attempts: ${cause}`,
  refused: (detail: string) => `Scheduler refused the task: ${detail}`,
  cancelRefused: (detail: string) => `Scheduler refused the cancellation: ${detail}`,
  checked: (attempt: number, cause: string, wait: number) =>
    `Attempt ${attempt} ended without a clear answer (${cause}), checked after at least ${inSeconds(wait)}`,
  retry: (attempt: number, cause: string, wait: number) =>
    `Attempt ${attempt} failed with ${cause}, next in ${inSeconds(wait)}`,
  cancelRetry: (attempt: number, cause: string, wait: number) =>
    `Cancellation attempt ${attempt} failed with ${cause}, next in ${inSeconds(wait)}`,
} as const;

/** A wait in ms, rounded up. */
function inSeconds(wait: number): string {
  return `${Math.ceil(wait / 1000)} s`;
}

/** How our own entries begin. The scheduler may lose some, so the text identifies them, not the number. */
const ownBeginnings = [
  cancellationRequested,
  "Dispatching to scheduler",
  "Scheduler acknowledged",
  "Scheduler has taken",
  "Scheduler confirmed",
  "Scheduler refused",
  "Cancelled before",
  "Not submitted within",
  "Submission ",
  "Cancellation ",
  "Attempt ",
];

/** Counts the entries of a record's log that are not ours. */
export function countForeignLogs({ logs = [] }: TaskRecord): number {
  const isOurs = (entry: string) => {
    const message = entry.slice(entry.indexOf(",") + 1);
    return ownBeginnings.some((beginning) => message.startsWith(beginning));
  };
  return logs.reduce((count, entry) => (isOurs(entry) ? count : count + 1), 0);
}
