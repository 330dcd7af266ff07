/** The entries that a dispatcher writes into a task's log. Clients of old know the first two. */
export const messages = {
  dispatching: "Dispatching to scheduler",
  acknowledged: "Scheduler acknowledged submission",
  evident: "Scheduler has taken the submission",
  cancelledUnsent: "Cancelled before the scheduler had it",
  cancelled: "Scheduler confirmed cancellation",
  submissionFailed: (attempts: number, cause: string) => `Submission failed after ${attempts} attempts: ${cause}`,
  refused: (detail: string) => `Scheduler refused the task: ${detail}`,
  cancelRefused: (detail: string) => `Scheduler refused the cancellation: ${detail}`,
  retry: (attempt: number, cause: string, seconds: number) =>
    `Attempt ${attempt} failed with ${cause}, next in ${seconds} s`,
} as const;
