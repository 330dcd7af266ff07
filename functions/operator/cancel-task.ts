import { endpoints } from "../../shared/api/endpoints.ts";
import { answerTask } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";

export default httpFunction(endpoints.adminCancelTask, ({ input }, { store }) =>
  answerTask(input.task_id, (id) => store.cancel(id)),
);
