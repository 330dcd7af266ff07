import { endpoints } from "../../shared/api/endpoints.ts";
import { answerExplanation } from "../../shared/http/explanation.ts";
import { httpFunction } from "../../shared/http/function.ts";

export default httpFunction(endpoints.adminExplainTask, ({ input }, { context }) =>
  answerExplanation(context, input.task_id),
);
