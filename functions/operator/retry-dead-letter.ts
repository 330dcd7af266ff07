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
    case "not_retryable":
      return problem(409, "There is nothing to try again: the task has ended otherwise, or the entry names no task");
  }
});
