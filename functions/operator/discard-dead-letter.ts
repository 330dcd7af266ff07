import { endpoints } from "../../shared/api/endpoints.ts";
import { json, problem } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { discardDeadLetter } from "../../task-state/index.ts";

export default httpFunction(endpoints.adminDiscardDeadLetter, async ({ input }, { context }) => {
  const letter = await discardDeadLetter(context.primary, input.task_id);
  return letter ? json(200, { dead_letter: letter }) : problem(404, "Dead letter not found");
});
