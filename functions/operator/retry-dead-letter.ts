import { endpoints } from "../../shared/api/endpoints.ts";
import { problem, taskAnswer } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { retryDeadLetter } from "../../task-state/index.ts";

export default httpFunction(endpoints.adminRetryDeadLetter, async ({ input }, { context }) => {
  const retry = await retryDeadLetter(context, input.task_id);
  switch (retry.outcome) {
    case "queued":
      return taskAnswer(retry.raw);
    case "not_found":
      return problem(404, "Dead letter not found");
    case "unreadable":
      return problem(409, `Task ${input.task_id} cannot be read: ${retry.reason}`);
    case "removed":
      return problem(409, "The dead letter is gone: another request has just retried, discarded or cancelled it");
    case "not_retryable":
      return problem(409, `There is nothing to try again: the task is ${retry.status} by now`);
    case "no_task":
      return problem(409, "There is nothing to try again: the entry names no task");
  }
});
